//! The cookie that a visitor is known by.

use http::{HeaderMap, HeaderValue, header};

use crate::{
    services::sessions::SessionId,
    settings::{SameSite, SessionSettings},
};

/// The id that a request shows: the first that is written as we write them. What others wrote is passed over.
pub(super) fn shown(headers: &HeaderMap, settings: &SessionSettings) -> Option<SessionId> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    pairs
        .filter(|(name, _)| name.trim() == settings.cookie)
        .find_map(|(_, value)| SessionId::parse(value.trim().trim_matches('"')))
}

/// `Set-Cookie` for a session, which lives as long as it does, or for none any more.
pub(super) fn set(
    id: Option<&SessionId>,
    settings: &SessionSettings,
    is_secure: bool,
) -> Option<HeaderValue> {
    let (id, life) = id.map_or((String::new(), 0), |id| (id.text(), settings.ttl));
    let mut cookie = format!("{}={id}; Path=/; Max-Age={life}; HttpOnly", settings.cookie);
    if is_secure || settings.secure {
        cookie.push_str("; Secure");
    }
    cookie.push_str(match settings.same_site {
        SameSite::Lax => "; SameSite=Lax",
        SameSite::Strict => "; SameSite=Strict",
        SameSite::None => "; SameSite=None",
    });
    HeaderValue::from_str(&cookie).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_secure_with_tls_and_where_it_is_said() {
        let id = SessionId::new().unwrap();
        let secure = |settings: &SessionSettings, is_secure: bool| {
            let cookie = set(Some(&id), settings, is_secure).unwrap();
            cookie.to_str().unwrap().contains("; Secure; ")
        };
        let mut settings = SessionSettings::default();
        assert!(secure(&settings, true) && !secure(&settings, false));
        settings.secure = true;
        assert!(secure(&settings, false));
    }

    #[test]
    fn the_first_cookie_that_is_ours_counts() {
        let id = SessionId::new().unwrap();
        let text = id.text();
        for (lines, found) in [
            (vec![format!("PS_SESSID={text}")], true),
            (vec![format!("a=b;PS_SESSID=\"{text}\" ; c")], true),
            (vec!["PS_SESSID=planted".to_owned(), format!("PS_SESSID={text}")], true),
            (vec![format!("ps_sessid={text}")], false),
            (vec![format!("XPS_SESSID={text}")], false),
            (vec![format!("PS_SESSID={text}x")], false),
            (vec![], false),
        ] {
            let mut headers = HeaderMap::new();
            for line in &lines {
                headers.append(header::COOKIE, HeaderValue::from_str(line).unwrap());
            }
            let shown = shown(&headers, &SessionSettings::default());
            assert_eq!(shown.as_ref() == Some(&id), found, "{lines:?}");
        }
    }
}
