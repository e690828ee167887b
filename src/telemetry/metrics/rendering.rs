//! Which names the page has, and what they mean.

use super::exposition::Page;
use super::gauges::Gauges;
use super::series::Histogram;
use super::{Asked, Counts, KINDS, Metrics, Overheads, Served};

impl Metrics {
    /// The page that Prometheus reads. Counting waits meanwhile, requests do not: their records wait for it.
    pub fn render(&self, gauges: &Gauges) -> String {
        let mut page = Page::default();
        {
            let counts = self.counts();
            counts.conventions(&mut page);
            counts.own(&mut page);
        }
        gauges.write(&mut page, &self.vocabulary.load());
        page.finish()
    }
}

impl Counts {
    fn conventions(&self, page: &mut Page) {
        let labels = [
            "gen_ai_operation_name",
            "gen_ai_provider_name",
            "gen_ai_request_model",
            "gen_ai_response_model",
            "error_type",
        ];
        let asked = self.asked.all();
        let seconds = |page: &mut Page, name, help, get: fn(&Asked) -> &Histogram| {
            page.histograms(
                name,
                help,
                &labels,
                asked.iter().map(|(k, it)| (k, get(it))),
            );
        };
        seconds(
            page,
            "gen_ai_client_operation_duration_seconds",
            "Duration of an attempt at a provider.",
            |it| &it.duration,
        );
        seconds(
            page,
            "gen_ai_client_operation_time_to_first_chunk_seconds",
            "Time from an attempt's beginning to its first content.",
            |it| &it.first_chunk,
        );
        page.head(
            "gen_ai_client_token_usage",
            "histogram",
            "Tokens of an attempt, as its provider counted them.",
        );
        for (key, it) in &asked {
            for (kind, histogram) in KINDS.iter().zip(&it.tokens) {
                let more = Some(("gen_ai_token_type", *kind));
                page.histogram("gen_ai_client_token_usage", &labels, key, more, histogram);
            }
        }
        let served = self.served.all();
        let seconds = |page: &mut Page, name, help, get: fn(&Served) -> &Histogram| {
            page.histograms(
                name,
                help,
                &labels,
                served.iter().map(|(k, it)| (k, get(it))),
            );
        };
        seconds(
            page,
            "gen_ai_server_request_duration_seconds",
            "Duration of a request, from its arrival to its end.",
            |it| &it.duration,
        );
        seconds(
            page,
            "gen_ai_server_time_to_first_token_seconds",
            "Time from a request's arrival to its first content.",
            |it| &it.first_token,
        );
        seconds(
            page,
            "gen_ai_server_time_per_output_token_seconds",
            "Time of each token after the first.",
            |it| &it.token_time,
        );
    }

    fn own(&self, page: &mut Page) {
        let counters = |page: &mut Page, name, help, labels: &[&str], family: Vec<_>| {
            page.counters(name, help, labels, family);
        };
        counters(
            page,
            "llmgw_requests_total",
            "Requests that have ended.",
            &["api", "model", "status"],
            self.requests.values(),
        );
        page.counters(
            "llmgw_attempts_total",
            "Upstream requests that have ended.",
            &["provider", "model", "outcome", "cause"],
            self.attempts.values(),
        );
        counters(
            page,
            "llmgw_failovers_total",
            "Moves of a request from one target to another.",
            &["from", "to", "cause"],
            self.failovers.values(),
        );
        page.costs(
            "llmgw_cost_usd_total",
            "What attempts cost in US dollars, where the price is known.",
            &["provider", "model", "key_name"],
            self.costs.values(),
        );
        counters(
            page,
            "llmgw_unpriced_requests_total",
            "Attempts whose cost is not known: for want of a price, or of the provider's counts.",
            &["provider", "model", "reason"],
            self.unpriced.values(),
        );
        page.counters(
            "llmgw_translation_losses_total",
            "Fields of requests and answers that could not be carried over.",
            &["field"],
            self.losses.values(),
        );
        let Overheads { request, reply } = &self.overheads;
        page.histograms(
            "llmgw_overhead_seconds",
            "The gateway's own time: before the first upstream request, and after the last.",
            &["phase"],
            [(&["reply"], reply), (&["request"], request)].into_iter(),
        );
    }
}
