//! Kinds of values that several groups of settings have.

use std::time::Duration;

use crate::settings::Kind;

/// How old something is.
pub(crate) const AGE: Kind<Duration> = Kind {
    value: "DURATION",
    parse: |text| {
        duration(text, Duration::from_secs(24 * 3600), Duration::from_secs(100 * 366 * 24 * 3600))
    },
    show: shown,
};

/// Something that is on or off.
pub(crate) const SWITCH: Kind<bool> =
    Kind { value: "ON|OFF", parse: switch, show: |on| if *on { "on" } else { "off" }.to_owned() };

/// A duration such as `15m`, `20s`, `1h 30m` or `500ms`; a bare number is seconds.
pub(crate) fn duration(text: &str, min: Duration, max: Duration) -> Result<Duration, String> {
    let bare = || text.parse().ok().map(Duration::from_secs);
    let parsed: Option<jiff::SignedDuration> = text.parse().ok();
    parsed
        .and_then(|it| Duration::try_from(it).ok())
        .or_else(bare)
        .filter(|it| (min..=max).contains(it))
        .ok_or_else(|| {
            let (min, max) = (shown(&min), shown(&max));
            format!("must be a duration from {min} to {max}, such as 15m, 90s or 1h 30m")
        })
}

/// A duration, as people write it.
pub(crate) fn shown(span: &Duration) -> String {
    match (span.as_secs(), span.subsec_millis()) {
        (0, 0) => "0s".to_owned(),
        (0, millis) => format!("{millis}ms"),
        (secs, _) if secs % 3600 == 0 => format!("{}h", secs / 3600),
        (secs, _) if secs % 60 == 0 => format!("{}m", secs / 60),
        (secs, _) => format!("{secs}s"),
    }
}

/// On or off.
///
/// # Errors
/// It is neither.
pub(crate) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" | "true" => Ok(true),
        "off" | "false" => Ok(false),
        _ => Err("must be on or off".to_owned()),
    }
}
