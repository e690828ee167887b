//! Tools and the choice among them.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::extra::{Extra, Object};
use super::open::{Open, Tagged, nullable, payload};
use super::part::Json;

/// A tool that the model may call. Hosted tools of a vendor's are unknown here, and kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Tool {
    /// A function of the client's.
    Function(FunctionTool),
    /// A free-form tool; an extension of OpenAI's.
    Custom(CustomTool),
}

/// `function`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FunctionTool {
    /// 1 to 64 characters of `[a-zA-Z0-9_-]`.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// A JSON Schema object, byte for byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Json>,
    /// Must the arguments fit the schema?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
    /// Fields beyond the specification.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `custom`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CustomTool {
    /// The tool's name.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `{type: text}` or a grammar; absent means text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Value>,
    /// Fields beyond the types.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Tagged for Tool {
    fn read(tag: &str, json: &str) -> Option<Result<Self, serde_json::Error>> {
        match tag {
            "function" => Some(payload(json).map(Self::Function)),
            "custom" => Some(payload(json).map(Self::Custom)),
            _ => None,
        }
    }
}

impl Tool {
    /// The name by which the model calls it.
    pub fn name(&self) -> &str {
        match self {
            Self::Function(tool) => &tool.name,
            Self::Custom(tool) => &tool.name,
        }
    }
}

/// How free the choice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChoiceMode {
    /// The model decides.
    #[default]
    Auto,
    /// No call.
    None,
    /// At least one call.
    Required,
}

/// `tool_choice`.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolChoice {
    /// A bare word.
    Mode(ChoiceMode),
    /// This function and no other.
    Function(String),
    /// This custom tool and no other.
    Custom(String),
    /// Only these, by name; a hard limit.
    Allowed {
        /// How free the choice among them is.
        mode: ChoiceMode,
        /// The tools, each `{type, name}` or a newer form.
        tools: Vec<Open<AllowedTool>>,
    },
    /// A hosted tool, or a newer form.
    Other(Object),
}

/// One entry of `allowed_tools`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum AllowedTool {
    /// A function.
    Function(NamedTool),
    /// A custom tool.
    Custom(NamedTool),
}

/// `{name}`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct NamedTool {
    /// The tool's name.
    pub name: String,
    /// Fields beyond the types.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Tagged for AllowedTool {
    fn read(tag: &str, json: &str) -> Option<Result<Self, serde_json::Error>> {
        match tag {
            "function" => Some(payload(json).map(Self::Function)),
            "custom" => Some(payload(json).map(Self::Custom)),
            _ => None,
        }
    }
}

impl AllowedTool {
    /// The tool's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Function(tool) | Self::Custom(tool) => &tool.name,
        }
    }
}

impl ToolChoice {
    /// Must there be a call?
    pub fn is_forced(&self) -> bool {
        match self {
            Self::Mode(mode) | Self::Allowed { mode, .. } => *mode == ChoiceMode::Required,
            Self::Function(_) | Self::Custom(_) | Self::Other(_) => true,
        }
    }
}

impl<'de> Deserialize<'de> for ToolChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Allowed {
            #[serde(default, deserialize_with = "nullable")]
            mode: ChoiceMode,
            tools: Vec<Open<AllowedTool>>,
        }
        let raw = Json::deserialize(deserializer)?;
        if raw.get().starts_with('"') {
            return serde_json::from_str(raw.get())
                .map(Self::Mode)
                .map_err(|_| {
                    D::Error::custom(format!(
                        "{} is not one of \"auto\", \"none\", \"required\" or an object",
                        raw.get()
                    ))
                });
        }
        let object: Object = serde_json::from_str(raw.get()).map_err(|_| {
            D::Error::custom("expected \"auto\", \"none\", \"required\" or an object")
        })?;
        match object.get("type").and_then(Value::as_str) {
            Some("function") => payload::<NamedTool>(raw.get()).map(|t| Self::Function(t.name)),
            Some("custom") => payload::<NamedTool>(raw.get()).map(|t| Self::Custom(t.name)),
            Some("allowed_tools") => payload::<Allowed>(raw.get()).map(|a| Self::Allowed {
                mode: a.mode,
                tools: a.tools,
            }),
            _ => Ok(Self::Other(object)),
        }
        .map_err(D::Error::custom)
    }
}

impl Serialize for ToolChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(tag = "type", rename_all = "snake_case")]
        enum Out<'a> {
            Function {
                name: &'a str,
            },
            Custom {
                name: &'a str,
            },
            AllowedTools {
                mode: ChoiceMode,
                tools: &'a [Open<AllowedTool>],
            },
        }
        match self {
            Self::Mode(mode) => mode.serialize(serializer),
            Self::Function(name) => Out::Function { name }.serialize(serializer),
            Self::Custom(name) => Out::Custom { name }.serialize(serializer),
            Self::Allowed { mode, tools } => {
                Out::AllowedTools { mode: *mode, tools }.serialize(serializer)
            }
            Self::Other(object) => object.serialize(serializer),
        }
    }
}
