//! Both ways through the public trait: what is sent for a request, and what a reply becomes.

use super::*;
use crate::canonical::request::Profile;
use crate::providers::Api;

mod replies;
mod requests;

fn provider() -> Google {
    Google::new(&Settings {
        name: "google".into(),
        base_url: "https://google.example/".into(),
        api: Api::Auto,
        vendor: None,
    })
}

fn request(json: &str) -> Request {
    let mut request: Request = serde_json::from_str(json).unwrap();
    request.profile = Profile::Native;
    request
}

fn encode(model: &str, json: &str) -> Result<Call, Error> {
    let request = request(json);
    provider().encode(Ask::Respond(&request), &model.into(), &Remedies::default())
}
