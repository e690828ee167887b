"""Replies with a status of 400 or more: the class of the failure, by what the body says in any of its dialects."""

import json


def words(body):
    """Everything a body says, in one lower-case line: dialects differ in where they say it."""
    if isinstance(body, dict):
        return " ".join(words(value) for value in body.values())
    if isinstance(body, list):
        return " ".join(words(value) for value in body)
    return str(body).lower()


def classes(recording):
    """The classes that are right for this failure; more than one where the table leaves it open."""
    said = words(recording.body if recording.body is not None else recording.text or "")
    status = recording.status
    if status == 400:
        return bad_request(said)
    if status == 401:
        return ["UpstreamAuth"]
    if status == 402:
        return ["UpstreamBilling"]
    if status == 403:
        return ["UpstreamAuth", "ModelUnavailable"]
    if status == 404:
        return ["ModelNotFound"] if "model" in said else ["NotFound"]
    if status == 413:
        return ["TooLarge"]
    if status == 429:
        return too_many(recording.body, said)
    if status in (503, 529):
        return ["Overloaded"]
    return ["UpstreamInvalid"] if status < 500 else ["UpstreamFailed"]


def bad_request(said):
    """A status of 400 hides keys, models and windows besides faults of the request."""
    if "api_key_invalid" in said:
        return ["UpstreamAuth"]
    if any(hint in said for hint in ("model_not_found", "invalid_model")):
        return ["ModelNotFound"]
    too_long = ("context_length_exceeded", "exceed_context_size", "too_many_prompt_tokens", "prompt is too long")
    if any(hint in said for hint in too_long):
        return ["ContextLength"]
    if "previous_response_not_found" in said:
        return ["NotFound", "UpstreamInvalid"]
    if any(hint in said for hint in ("credit balance", "billing", "spend limit")):
        return ["UpstreamBilling"]
    if "tool_use_failed" in said:
        return ["ModelFailed"]
    return ["UpstreamInvalid"]


def too_many(body, said):
    """Rate limits pass, quotas do not: those of an account or of a day, and those of zero."""
    zero = '"quota_limit_value": "0"' in json.dumps(body) or "limit: 0" in said
    if zero or "insufficient_quota" in said or "perday" in said:
        return ["QuotaExhausted"]
    return ["RateLimited"]
