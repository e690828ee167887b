//! What help shows by example.

pub(super) const EXPLAIN_EXAMPLES: &str = "Examples:
  llmgw explain -m smart \"a prompt\"
  llmgw explain -v -f request.json

Exit codes: 3 configuration or unknown model, 7 no target can take the request.";

pub(super) const CRASH_TEST_EXAMPLES: &str = "Examples:
  llmgw crash-test
  llmgw crash-test smart --fault cut --fault silence

Every fault is tried at the target that is asked first and at all of them, streamed and whole, on a simulated clock.
Verdicts: answered; error, an honest one, where nobody could have answered; FAILED, where more was promised.

Exit codes: 0 nothing failed, 1 something did, 3 configuration or unknown route.";

pub(super) const IMPORT_EXAMPLES: &str = "Examples:
  llmgw import litellm config.yaml > llmgw.yaml
  llmgw config check --config llmgw.yaml

Findings go to standard error: exact, approximate, needs a hand. Keys are never copied: variables take their place.
Exit codes: 0 all was carried over, 1 something needs a hand, 2 the file cannot be read.";

pub(super) const ASK_EXAMPLES: &str = "Examples:
  git diff --staged | llmgw ask -m commit | git commit -F -
  llmgw ask -f src/main.rs \"find the bug\"";
