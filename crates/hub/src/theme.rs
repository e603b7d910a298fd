//! How an operator makes the status page theirs: a name, a logo, colours. No colour may make the page unreadable: every pair
//! that meets on the page has the contrast that WCAG 2.2 AA wants, in light and in dark.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Largest logo: it is part of every first visit.
pub const LOGO_MAX: usize = 256 * 1024;
/// Least contrast of text (WCAG 2.2, 1.4.3).
const TEXT_CONTRAST: f64 = 4.5;
/// Least contrast of what is seen and not read (WCAG 2.2, 1.4.11).
const SHAPE_CONTRAST: f64 = 3.0;

/// What an operator chose.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Theme {
    /// On the page in the place of the service's name.
    pub name: Option<String>,
    /// Beside the name.
    pub logo: Option<Logo>,
    /// Colours by scheme; the built-in ones where it has none.
    pub colours: BTreeMap<(Scheme, Token), Colour>,
}

/// For whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// A colour of the page by its use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Token {
    /// Of the page.
    Background,
    /// Of the boxes on it.
    Card,
    /// What is read.
    Text,
    /// What is read second.
    Quiet,
    /// Between things.
    Line,
    /// Links.
    Link,
    /// Marks, and the ring around what has the focus.
    Accent,
}

impl Scheme {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Light, Self::Dark];

    /// Its key in configurations.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The colours of states: no theme changes what they mean, so what is below has to suit them.
    const fn states(self) -> [(&'static str, Colour); 5] {
        match self {
            Self::Light => [
                ("the green of what works", Colour(0x1b, 0x7a, 0x4d)),
                ("the amber of what is degraded", Colour(0x8f, 0x5a, 0x00)),
                ("the red of what is down", Colour(0xb3, 0x26, 0x1e)),
                ("the blue of maintenance", Colour(0x1f, 0x5f, 0xae)),
                ("the grey of what is unknown", Colour(0x5f, 0x66, 0x72)),
            ],
            Self::Dark => [
                ("the green of what works", Colour(0x63, 0xd2, 0x9b)),
                ("the amber of what is degraded", Colour(0xf3, 0xbd, 0x5f)),
                ("the red of what is down", Colour(0xff, 0x8d, 0x84)),
                ("the blue of maintenance", Colour(0x8a, 0xb8, 0xff)),
                ("the grey of what is unknown", Colour(0xa4, 0xab, 0xb9)),
            ],
        }
    }
}

impl Token {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Background, Self::Card, Self::Text, Self::Quiet, Self::Line, Self::Link, Self::Accent];

    /// Its key in configurations.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Background => "background",
            Self::Card => "card",
            Self::Text => "text",
            Self::Quiet => "quiet",
            Self::Line => "line",
            Self::Link => "link",
            Self::Accent => "accent",
        }
    }

    /// Its name in the style sheet, and what it is there in each scheme.
    const fn built_in(self) -> (&'static str, Colour, Colour) {
        match self {
            Self::Background => ("--ground", Colour(0xf6, 0xf6, 0xf3), Colour(0x10, 0x12, 0x18)),
            Self::Card => ("--card", Colour(0xff, 0xff, 0xff), Colour(0x18, 0x1b, 0x23)),
            Self::Text => ("--ink", Colour(0x1b, 0x1d, 0x24), Colour(0xe9, 0xea, 0xf0)),
            Self::Quiet => ("--soft", Colour(0x58, 0x5e, 0x6c), Colour(0xa4, 0xab, 0xb9)),
            Self::Line => ("--line", Colour(0xdc, 0xdc, 0xd6), Colour(0x2b, 0x30, 0x3c)),
            Self::Link => ("--link", Colour(0x4b, 0x3f, 0xbd), Colour(0xb9, 0xb2, 0xff)),
            Self::Accent => ("--accent", Colour(0x5a, 0x4f, 0xcf), Colour(0xb3, 0xab, 0xff)),
        }
    }
}

/// A colour of sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour(u8, u8, u8);

/// What is no colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a colour is a hash and six hexadecimal digits, such as #5a4fcf")]
pub struct ColourError;

impl FromStr for Colour {
    type Err = ColourError;

    fn from_str(text: &str) -> Result<Self, ColourError> {
        let digits = text.strip_prefix('#').filter(|d| d.len() == 6 && d.bytes().all(|b| b.is_ascii_hexdigit()));
        let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).ok_or(ColourError)?;
        let [_, red, green, blue] = number.to_be_bytes();
        Ok(Self(red, green, blue))
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

impl Colour {
    /// WCAG 2.2's contrast of two colours, 1 to 21.
    pub fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// WCAG 2.2's relative luminance, 0 to 1.
    fn luminance(self) -> f64 {
        let linear = |channel: u8| match f64::from(channel) / 255.0 {
            c if c <= 0.04045 => c / 12.92,
            c => ((c + 0.055) / 1.055).powf(2.4),
        };
        0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2)
    }
}

/// Two colours that nobody can tell apart well enough.
#[derive(Debug, Clone, PartialEq)]
pub struct PoorContrast {
    /// In which scheme.
    pub scheme: Scheme,
    /// The one that the operator chose.
    pub token: Token,
    /// In words, with the colours and their contrast.
    pub words: String,
}

impl Theme {
    /// The colours that make the page unreadable.
    pub fn poor_contrasts(&self) -> Vec<PoorContrast> {
        Scheme::ALL.into_iter().flat_map(|scheme| self.poor_in(scheme)).collect()
    }

    fn poor_in(&self, scheme: Scheme) -> Vec<PoorContrast> {
        let mut poor = Vec::new();
        for ground in [Token::Background, Token::Card] {
            let below = self.colour(scheme, ground);
            for (token, least) in [
                (Token::Text, TEXT_CONTRAST),
                (Token::Quiet, TEXT_CONTRAST),
                (Token::Link, TEXT_CONTRAST),
                (Token::Accent, SHAPE_CONTRAST),
            ] {
                let above = self.colour(scheme, token);
                let chosen = [token, ground].into_iter().find(|it| self.colours.contains_key(&(scheme, *it)));
                let name = format!("{} {above}", token.key());
                poor.extend(chosen.and_then(|chosen| judge(scheme, chosen, (&name, above), (ground, below), least)));
            }
            if self.colours.contains_key(&(scheme, ground)) {
                poor.extend(scheme.states().into_iter().filter_map(|(name, above)| {
                    judge(scheme, ground, (&format!("{name}, {above},"), above), (ground, below), TEXT_CONTRAST)
                }));
            }
        }
        poor
    }

    fn colour(&self, scheme: Scheme, token: Token) -> Colour {
        let (_, light, dark) = token.built_in();
        let built_in = if scheme == Scheme::Light { light } else { dark };
        self.colours.get(&(scheme, token)).copied().unwrap_or(built_in)
    }

    /// The style sheet that goes over the page's own; `None` when no colour was chosen.
    pub fn css(&self) -> Option<String> {
        if self.colours.is_empty() {
            return None;
        }
        let rules = |wanted: Scheme| -> String {
            let of_scheme = self.colours.iter().filter(|((scheme, _), _)| *scheme == wanted);
            of_scheme.map(|((_, token), colour)| format!("{}:{colour};", token.built_in().0)).collect()
        };
        let (light, dark) = (rules(Scheme::Light), rules(Scheme::Dark));
        Some(format!(
            "@media (prefers-color-scheme:light){{:root{{{light}}}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
        ))
    }
}

fn judge(
    scheme: Scheme,
    token: Token,
    (name, above): (&str, Colour),
    (ground, below): (Token, Colour),
    least: f64,
) -> Option<PoorContrast> {
    let contrast = above.contrast(below);
    // Cut, not rounded: 4.499 is not 4.5.
    let shown = (contrast * 100.0).floor() / 100.0;
    let words =
        format!("{name} on {} {below} has a contrast of {shown:.2}, and {least} is the least (WCAG AA)", ground.key());
    (contrast < least).then_some(PoorContrast { scheme, token, words })
}

/// A picture that was looked at: what it says it is it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logo {
    /// What kind.
    pub kind: LogoKind,
    /// As it was found.
    pub bytes: Bytes,
}

/// The kinds of pictures that a logo may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogoKind {
    /// Drawn by lines; it stays sharp.
    Svg,
    /// By pixels.
    Png,
    /// By pixels.
    Jpeg,
    /// By pixels.
    Webp,
}

/// Why a file is no logo.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogoError {
    /// Its size.
    #[error("the logo has {0} bytes, at most {LOGO_MAX} are taken")]
    Large(usize),
    /// Its first bytes.
    #[error("the logo is neither SVG nor PNG, JPEG or WebP by its first bytes")]
    Unknown,
}

impl Logo {
    /// Looks at the bytes; the file's name says nothing.
    ///
    /// # Errors
    /// [`LogoError`]
    pub fn of(bytes: Vec<u8>) -> Result<Self, LogoError> {
        if bytes.len() > LOGO_MAX {
            return Err(LogoError::Large(bytes.len()));
        }
        let kind = match bytes.as_slice() {
            [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => LogoKind::Png,
            [0xff, 0xd8, 0xff, ..] => LogoKind::Jpeg,
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => LogoKind::Webp,
            bytes if is_svg(bytes) => LogoKind::Svg,
            _ => return Err(LogoError::Unknown),
        };
        Ok(Self { kind, bytes: bytes.into() })
    }

    /// Where it lies on the page.
    pub(crate) const fn path(&self) -> &'static str {
        match self.kind {
            LogoKind::Svg => "logo.svg",
            LogoKind::Png => "logo.png",
            LogoKind::Jpeg => "logo.jpg",
            LogoKind::Webp => "logo.webp",
        }
    }
}

/// After a byte order mark, a declaration and comments, the first element is `svg`.
fn is_svg(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        let end = match rest {
            _ if rest.starts_with("<?") => "?>",
            _ if rest.starts_with("<!--") => "-->",
            _ if rest.starts_with("<!DOCTYPE svg") => ">",
            _ => return rest.strip_prefix("<svg").is_some_and(|after| after.starts_with([' ', '\n', '\r', '\t', '>'])),
        };
        let Some((_, after)) = rest.split_once(end) else { return false };
        rest = after.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn theme(colours: &[(Scheme, Token, &str)]) -> Theme {
        let colour = |text: &str| text.parse().expect("a colour");
        let colours = colours.iter().map(|(scheme, token, text)| ((*scheme, *token), colour(text))).collect();
        Theme { colours, ..Theme::default() }
    }

    #[test]
    fn contrast_is_that_of_wcag() {
        let of = |a: &str, b: &str| {
            let [a, b] = [a, b].map(|text| text.parse::<Colour>().expect("a colour"));
            (a.contrast(b) * 100.0).round() / 100.0
        };
        assert_eq!((of("#000000", "#ffffff"), of("#777777", "#ffffff"), of("#0000ff", "#0000ff")), (21.0, 4.48, 1.0));
        for text in ["", "#fff", "5a4fcf", "#5a4fcg", "#5a4fcf0", "red", "#é1234"] {
            assert_eq!(text.parse::<Colour>(), Err(ColourError), "{text}");
        }
    }

    #[test]
    fn what_is_built_in_is_readable() {
        let all = Scheme::ALL
            .into_iter()
            .flat_map(|scheme| Token::ALL.map(|token| ((scheme, token), Theme::default().colour(scheme, token))));
        let written_out = Theme { colours: all.collect(), ..Theme::default() };
        assert_eq!(written_out.poor_contrasts(), []);
        let css = include_str!("../templates/assets/status.css");
        let dark = css.find("prefers-color-scheme: dark").expect("there is a dark scheme");
        for token in Token::ALL {
            let (name, in_light, in_dark) = token.built_in();
            assert!(css[..dark].contains(&format!("  {name}: {in_light};")), "{name} in light");
            assert!(css[dark..].contains(&format!("    {name}: {in_dark};")), "{name} in dark");
        }
        for (scheme, part) in [(Scheme::Light, &css[..dark]), (Scheme::Dark, &css[dark..])] {
            assert!(scheme.states().iter().all(|(_, colour)| part.contains(&format!(": {colour};"))), "{scheme:?}");
        }
    }

    #[test]
    fn poor_contrast_is_named_with_its_colours() {
        let poor = theme(&[(Scheme::Light, Token::Link, "#9999ff")]).poor_contrasts();
        assert_eq!(poor.len(), 2);
        assert_eq!(
            poor[1].words,
            "link #9999ff on card #ffffff has a contrast of 2.51, and 4.5 is the least (WCAG AA)"
        );
        let ground = theme(&[(Scheme::Dark, Token::Card, "#777777")]).poor_contrasts();
        assert!(ground.iter().any(|it| it.words.starts_with("the red of what is down, #ff8d84, on card #777777")));
        assert!(ground.iter().all(|it| (it.scheme, it.token) == (Scheme::Dark, Token::Card)));
        let dark_on_light = theme(&[(Scheme::Light, Token::Accent, "#004d40"), (Scheme::Dark, Token::Link, "#80cbc4")]);
        assert_eq!(dark_on_light.poor_contrasts(), []);
        let css = dark_on_light.css().expect("there are colours");
        assert!(css.contains("light){:root{--accent:#004d40;}}") && css.contains("dark){:root{--link:#80cbc4;}}"));
    }

    #[test]
    fn a_logo_is_what_its_bytes_say() {
        let table: [(&[u8], Result<LogoKind, LogoError>); 9] = [
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Ok(LogoKind::Svg)),
            (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- by hand -->\n<svg\n/>", Ok(LogoKind::Svg)),
            (b"\x89PNG\r\n\x1a\nrest", Ok(LogoKind::Png)),
            (b"\xff\xd8\xff\xe0", Ok(LogoKind::Jpeg)),
            (b"RIFF1234WEBPVP8 ", Ok(LogoKind::Webp)),
            (b"<html><svg></svg></html>", Err(LogoError::Unknown)),
            (b"<svgx>", Err(LogoError::Unknown)),
            (b"<!-- never ends", Err(LogoError::Unknown)),
            (b"", Err(LogoError::Unknown)),
        ];
        for (bytes, expected) in table {
            assert_eq!(Logo::of(bytes.to_vec()).map(|logo| logo.kind), expected, "{bytes:?}");
        }
        assert_eq!(Logo::of(vec![0; LOGO_MAX + 1]), Err(LogoError::Large(LOGO_MAX + 1)));
    }
}
