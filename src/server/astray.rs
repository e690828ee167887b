//! Requests that lead nowhere: no such path, or not by that method.

use axum::extract::Request as HttpRequest;
use axum::response::Response;

use super::dialect::Dialect;
use super::reply;
use crate::error::{Error, Kind};

/// No such path.
pub(super) async fn not_found(request: HttpRequest) -> Response {
    let message = format!(
        "there is nothing at {} {}",
        request.method(),
        request.uri().path()
    );
    astray(&request, &Error::new(Kind::NotFound, message))
}

/// The path exists, the method does not.
pub(super) async fn method_not_allowed(request: HttpRequest) -> Response {
    let message = format!(
        "{} does not take {}",
        request.uri().path(),
        request.method()
    );
    astray(&request, &Error::new(Kind::MethodNotAllowed, message))
}

fn astray(request: &HttpRequest, error: &Error) -> Response {
    let dialect = Dialect::of(request.uri().path(), request.headers());
    dialect.error(error, &reply::request_id(request.headers()))
}
