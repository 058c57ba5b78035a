//! Platforms as the worker knows them: where each is asked, and how a call carries its credential. Compiled in, never from the
//! database.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use boxoffice_core::platform::{Access, CredentialForm, Platform};
use hyper::header::{AUTHORIZATION, HeaderName};

/// Those that can be asked, by name: title, name and access.
pub fn all() -> Vec<(&'static str, &'static str, &'static Access)> {
    Platform::all()
        .into_iter()
        .filter_map(|platform| Some((platform.title(), platform.as_str(), platform.access()?)))
        .collect()
}

/// The header of a credential, and its value there.
pub fn header(form: CredentialForm, secret: &str) -> (HeaderName, String) {
    match form {
        CredentialForm::Bearer => (AUTHORIZATION, format!("Bearer {secret}")),
        CredentialForm::Token => (AUTHORIZATION, format!("Token {secret}")),
        CredentialForm::Header(name) => (HeaderName::from_static(name), secret.to_owned()),
        CredentialForm::BasicUser => (AUTHORIZATION, format!("Basic {}", STANDARD.encode(format!("{secret}:")))),
        CredentialForm::BasicPair => (AUTHORIZATION, format!("Basic {}", STANDARD.encode(secret))),
    }
}

/// The same in words.
pub fn in_words(form: CredentialForm) -> String {
    match form {
        CredentialForm::Bearer => "a bearer token".to_owned(),
        CredentialForm::Token => "a token".to_owned(),
        CredentialForm::Header(name) => name.to_owned(),
        CredentialForm::BasicUser => "the user of basic authentication".to_owned(),
        CredentialForm::BasicPair => "user:password of basic authentication".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_stands_where_it_belongs() {
        let value = |form| header(form, "s:1").1;
        assert_eq!(value(CredentialForm::Bearer), "Bearer s:1");
        assert_eq!(value(CredentialForm::Token), "Token s:1");
        assert_eq!(value(CredentialForm::BasicUser), "Basic czoxOg==");
        assert_eq!(value(CredentialForm::BasicPair), "Basic czox");
        assert_eq!(
            header(CredentialForm::Header("x-api-key"), "s"),
            (HeaderName::from_static("x-api-key"), "s".to_owned())
        );
    }
}
