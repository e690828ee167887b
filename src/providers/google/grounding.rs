//! Sources of an answer (`groundingMetadata`) as citations.
//!
//! Google counts bytes of UTF-8, the specification characters. Offsets are believed only where the text there is the
//! text that Google quotes; otherwise the quotation is looked for.

use std::ops::Range;

use crate::canonical::extra::Extra;
use crate::canonical::part::{Annotation, UrlCitation};
use crate::wire::gemini::response::{GroundingMetadata, Segment};

/// One citation for each range and source. Ranges that are not in the text are left out.
pub(super) fn citations(grounding: &GroundingMetadata<'_>, text: &str) -> Vec<Annotation> {
    let mut citations = Vec::new();
    for support in &grounding.grounding_supports {
        let Some(range) = support.segment.as_ref().and_then(|s| bytes(s, text)) else {
            continue;
        };
        let start_index = characters(text, range.start);
        let end_index = characters(text, range.end);
        for at in &support.grounding_chunk_indices {
            let source = grounding.grounding_chunks.get(*at);
            let Some(web) = source.and_then(|chunk| chunk.web.as_ref()) else {
                continue;
            };
            let Some(url) = web.uri.as_deref() else {
                continue;
            };
            citations.push(Annotation::UrlCitation(UrlCitation {
                url: url.to_owned(),
                title: web.title.as_deref().unwrap_or_default().to_owned(),
                start_index,
                end_index,
                extra: Extra::new(),
            }));
        }
    }
    citations
}

fn bytes(segment: &Segment<'_>, text: &str) -> Option<Range<usize>> {
    let range = segment.start_index.unwrap_or_default()..segment.end_index?;
    let stands = text.get(range.clone());
    match segment.text.as_deref().filter(|quoted| !quoted.is_empty()) {
        None => stands.map(|_| range),
        Some(quoted) if stands == Some(quoted) => Some(range),
        Some(quoted) => text.find(quoted).map(|at| at..at + quoted.len()),
    }
}

fn characters(text: &str, byte: usize) -> u64 {
    let before = text.get(..byte).map_or(0, |before| before.chars().count());
    u64::try_from(before).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, segment: &str, expect: &[(u64, u64)]) {
        let json = format!(
            r#"{{"groundingChunks":[{{"web":{{"uri":"https://a.example","title":"A"}}}}],
                "groundingSupports":[{{"segment":{segment},"groundingChunkIndices":[0]}}]}}"#
        );
        let grounding: GroundingMetadata<'_> = serde_json::from_str(&json).unwrap();
        let ranges: Vec<(u64, u64)> = citations(&grounding, text)
            .into_iter()
            .map(|Annotation::UrlCitation(c)| (c.start_index, c.end_index))
            .collect();
        assert_eq!(ranges, expect);
    }

    #[test]
    fn bytes_become_characters() {
        // "Größe" has 7 bytes and 5 characters.
        check("Größe: 5", r#"{"endIndex":7,"text":"Größe"}"#, &[(0, 5)]);
        check("Größe: 5", r#"{"startIndex":9,"endIndex":10}"#, &[(7, 8)]);
    }

    #[test]
    fn a_quotation_at_the_wrong_place_is_looked_for() {
        check(
            "ab cd",
            r#"{"startIndex":0,"endIndex":2,"text":"cd"}"#,
            &[(3, 5)],
        );
        check("ab cd", r#"{"startIndex":0,"endIndex":2,"text":"xx"}"#, &[]);
        check("é", r#"{"startIndex":1,"endIndex":9}"#, &[]);
    }
}
