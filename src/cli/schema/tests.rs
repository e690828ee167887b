use serde_json::json;

use super::super::failure::Stop;
use super::*;

fn check_fit(schema: &str, answer: &str, expect: Option<&str>) {
    let schema = serde_json::from_str(schema).unwrap();
    check(&schema).expect("a sound schema");
    let value = parse(answer).unwrap();
    assert_eq!(misfit(&schema, &value).as_deref(), expect, "{answer}");
}

#[test]
fn an_answer_fits_or_the_place_is_named() {
    let person = r##"{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"},
        "kind":{"enum":["a","b"]},"next":{"anyOf":[{"$ref":"#"},{"type":"null"}]}},
        "required":["name","age"],"additionalProperties":false}"##;
    let misfits = [
        (r#"{"name":"Ada"}"#, "answer.age is missing"),
        (
            r#"{"name":"Ada","age":"36"}"#,
            "answer.age is string, not integer",
        ),
        (
            r#"{"name":"Ada","age":36.5}"#,
            "answer.age is number, not integer",
        ),
        (
            r#"{"name":"Ada","age":1,"x":1}"#,
            "answer.x must not be there",
        ),
        (
            r#"{"name":"Ada","age":1,"kind":"c"}"#,
            "answer.kind is none of the values allowed",
        ),
        (
            r#"{"name":"A","age":1,"next":{"name":"B"}}"#,
            "answer.next fits none of the forms allowed",
        ),
    ];
    for (answer, why) in misfits {
        check_fit(person, answer, Some(why));
    }
    check_fit(person, r#"{"name":"Ada","age":36}"#, None);
    check_fit(
        person,
        r#"{"name":"A","age":1,"next":{"name":"B","age":2,"next":null}}"#,
        None,
    );
}

#[test]
fn limits_are_said() {
    check_fit(
        r#"{"items":{"type":"number"}}"#,
        "[1,2,\"3\"]",
        Some("answer[2] is string, not number"),
    );
    check_fit(
        r#"{"pattern":"^\\d{4}-\\d{2}$"}"#,
        "\"26-1\"",
        Some(r"answer does not match `^\d{4}-\d{2}$`"),
    );
    check_fit(
        r#"{"maxLength":2}"#,
        "\"日本語\"",
        Some("answer has 3 characters, and may have 2 at most"),
    );
    check_fit(r#"{"minimum":0}"#, "-1", Some("answer is -1, less than 0"));
    check_fit(r#"{"multipleOf":0.1}"#, "0.3", None);
    check_fit(
        r#"{"oneOf":[{"type":"integer"},{"minimum":2}]}"#,
        "3",
        Some("answer fits several forms where only one is allowed"),
    );
}

#[test]
fn a_fence_around_the_answer_is_taken_off() {
    check_fit(r#"{"type":"object"}"#, "```json\n{}\n```", None);
}

#[test]
fn what_cannot_be_checked_is_refused_by_name() {
    let check = |schema: Value, expect: &str| {
        let Err(Stop::Failed(failure)) = super::check(&schema) else {
            panic!("{schema} is not sound");
        };
        assert_eq!(failure.message, format!("--schema: {expect}"));
    };
    check(json!({"type": "strin"}), "#/type is no type: \"strin\"");
    check(
        json!({"requird": ["a"]}),
        "`requird` in # cannot be checked here; did you mean `required`?",
    );
    check(
        json!({"properties": {"a": {"unevaluatedProperties": false}}}),
        "`unevaluatedProperties` in #/properties/a cannot be checked here",
    );
    check(
        json!({"$ref": "https://example.org/s"}),
        "#/$ref: only references within the schema (`#/…`) are followed",
    );
    check(
        json!({"$ref": "#/$defs/x"}),
        "#/$ref: there is no schema at `#/$defs/x`",
    );
    check(
        json!({"items": [{}]}),
        "#/items is no schema: an object, true or false",
    );
    check(
        json!({"pattern": "(?=a)"}),
        "#/pattern cannot be used: look-around, including look-ahead and look-behind, is not supported",
    );
    check(json!({"required": "a"}), "#/required is no list of names");
}

#[test]
fn a_schema_that_only_refers_to_itself_ends() {
    check_fit(
        r##"{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/a"}}}"##,
        "1",
        Some("answer cannot be checked: the schema refers to itself for ever"),
    );
}

/// A stream of numbers that is the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }

    fn pick(&mut self, values: &[Value]) -> Value {
        values[self.below(values.len())].clone()
    }

    fn name(&mut self) -> String {
        ["a", "b", "ab"][self.below(3)].to_owned()
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 5 } else { 8 }) {
            0 => Value::Null,
            1 => json!(self.below(2) == 0),
            2 => self.pick(&[
                json!(0),
                json!(1),
                json!(1.0),
                json!(2.5),
                json!(-3),
                json!(6),
            ]),
            3 | 4 => self.pick(&[
                json!(""),
                json!("a"),
                json!("ab"),
                json!("ba"),
                json!("日本"),
            ]),
            5 => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
            _ => {
                let fields = (0..self.below(4)).map(|_| (self.name(), self.value(depth - 1)));
                Value::Object(fields.collect())
            }
        }
    }

    fn schema(&mut self, depth: usize) -> Value {
        if self.below(12) == 0 {
            return json!(self.below(3) > 0);
        }
        let mut rules = Map::new();
        for _ in 0..=self.below(3) {
            let (key, value) = self.rule(depth);
            rules.insert(key.to_owned(), value);
        }
        Value::Object(rules)
    }

    fn rule(&mut self, depth: usize) -> (&'static str, Value) {
        let types = [
            "null", "boolean", "integer", "number", "string", "array", "object",
        ]
        .map(Value::from);
        let some = |random: &mut Self| json!([random.schema(depth - 1), random.schema(depth - 1)]);
        let table = |random: &mut Self| {
            let name = random.name();
            json!({name: random.schema(depth - 1)})
        };
        match self.below(if depth == 0 { 17 } else { 35 }) {
            0..3 => ("type", self.pick(&types)),
            3 => (
                "type",
                json!([self.pick(&types[..3]), self.pick(&types[3..])]),
            ),
            4 => ("enum", json!([self.value(1), self.value(0)])),
            5 => ("const", self.value(1)),
            6 => ("required", json!([self.name()])),
            7 => ("minimum", self.pick(&[json!(0), json!(1.5)])),
            8 => ("exclusiveMaximum", self.pick(&[json!(1), json!(6)])),
            9 => ("multipleOf", self.pick(&[json!(2), json!(0.5)])),
            10 => ("minLength", json!(self.below(3))),
            11 => ("maxLength", json!(self.below(3))),
            12 => (
                "pattern",
                self.pick(&[json!("^a"), json!("b$"), json!("a.*b|日")]),
            ),
            13 => ("minItems", json!(self.below(3))),
            14 => ("uniqueItems", json!(true)),
            15 => ("maxProperties", json!(self.below(3))),
            16 => ("dependentRequired", json!({"a": ["b"]})),
            17 => ("allOf", some(self)),
            18 => ("anyOf", some(self)),
            19 => ("oneOf", some(self)),
            20 => ("not", self.schema(depth - 1)),
            21 => ("if", self.schema(depth - 1)),
            22 => ("then", self.schema(depth - 1)),
            23 => ("else", self.schema(depth - 1)),
            24..27 => ("properties", table(self)),
            27 => ("patternProperties", json!({"^a": self.schema(depth - 1)})),
            28 => ("additionalProperties", self.schema(depth - 1)),
            29 => ("propertyNames", self.schema(depth - 1)),
            30 => ("dependentSchemas", table(self)),
            31 => ("items", self.schema(depth - 1)),
            32 => ("prefixItems", some(self)),
            33 => ("contains", self.schema(depth - 1)),
            _ => ("maxContains", json!(1)),
        }
    }
}

/// Judged against a full implementation of the standard.
#[test]
fn a_full_validator_says_the_same() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut fits, mut misfits) = (0, 0);
    for _ in 0..600 {
        let schema = random.schema(3);
        check(&schema).expect("sound");
        let reference = jsonschema::draft202012::new(&schema).unwrap();
        for _ in 0..4 {
            let value = random.value(2);
            let found = misfit(&schema, &value);
            let expect = reference.is_valid(&value);
            assert_eq!(found.is_none(), expect, "{schema}\n{value}\n{found:?}");
            if expect {
                fits += 1;
            } else {
                misfits += 1;
            }
        }
    }
    assert!(fits > 300 && misfits > 300, "{fits} and {misfits}");
}
