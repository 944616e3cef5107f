//! What a section says of TLS to the server.
//!
//! The keys are those of mysqld_exporter, and `ssl-mode` and the other spellings of the client
//! programs, which mysqld_exporter overlooks.

use std::path::PathBuf;

use crate::my_cnf::{OptionError, Section};

/// Spellings of the key that turns TLS on and verification off; the first is the reference's.
const SKIP_VERIFICATION: [&str; 2] = ["ssl-skip-verfication", "ssl-skip-verification"];

/// Keys of the client programs that have no effect here.
const WITHOUT_EFFECT: [&str; 6] =
    ["ssl-capath", "ssl-cipher", "ssl-crl", "ssl-crlpath", "ssl-fp", "tls-version"];

/// Whether a connection is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encryption {
    /// It is plain.
    #[default]
    Off,
    /// It is encrypted if the server offers that.
    Preferred,
    /// It is encrypted or not made.
    Required,
}

/// What a server's certificate must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verification {
    /// Any.
    #[default]
    Nothing,
    /// One that a known authority has issued.
    Authority,
    /// That, and for the server's name.
    Name,
}

/// How TLS is spoken with a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Whether it is.
    pub encryption: Encryption,
    /// What the server's certificate must be.
    pub verification: Verification,
    /// File with the authorities, if not the system's.
    pub authorities: Option<PathBuf>,
    /// Files with a certificate to show, and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Name to look for in the server's certificate, if not that of the address.
    pub server_name: Option<String>,
    /// No version before 1.3 will do.
    pub needs_version_1_3: bool,
}

impl Tls {
    /// Takes any certificate: what `--tls.insecure-skip-verify` asks for.
    pub fn unverified() -> Self {
        Self { encryption: Encryption::Required, ..Self::default() }
    }

    /// What `section` says; whether to verify at all, in case it does not, by `fallback`.
    ///
    /// # Errors
    /// A malformed value, a certificate without its key, or versions that cannot be had.
    pub(super) fn from_section(
        section: &Section<'_>,
        fallback: &Self,
    ) -> Result<Self, OptionError> {
        let text = |key: &str| -> Result<Option<&str>, OptionError> {
            let text = section.text(key)?.map(common::secret::Secret::expose);
            Ok(text.filter(|text| !text.is_empty()))
        };
        let authorities = text("ssl-ca")?.map(PathBuf::from);
        let server_name = text("tls-server-name")?.map(str::to_owned);
        let identity = match (text("ssl-cert")?, text("ssl-key")?) {
            (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
            (None, None) => None,
            (Some(_), None) => return Err(section.error("ssl-cert", "is there without ssl-key")),
            (None, Some(_)) => return Err(section.error("ssl-key", "is there without ssl-cert")),
        };
        let (has_versions, needs_version_1_3) = versions(section, &text)?;
        // In the reference, any of these means TLS with a verified server.
        let is_custom = authorities.is_some() || server_name.is_some() || has_versions;
        let mut skips = None;
        for key in SKIP_VERIFICATION {
            skips = skips.or(section.flag(key)?);
        }
        let skips = skips.unwrap_or(fallback.encryption == Encryption::Required);
        let required = Encryption::Required;
        let (encryption, verification) = match (skips, mode(section, &text)?) {
            (true, _) => (required, Verification::Nothing),
            (false, Some(mode @ (Encryption::Off, _))) => mode,
            // As the client programs do where there is an authority.
            (false, Some((Encryption::Required, Verification::Nothing))) if is_custom => {
                (required, Verification::Authority)
            }
            (false, Some((mode, verification))) if mode == required => (mode, verification),
            (false, _) if is_custom => (required, Verification::Name),
            (false, Some(mode)) => mode,
            (false, None) => without_mode(section, &text, identity.is_some())?,
        };
        Ok(Self { encryption, verification, authorities, identity, server_name, needs_version_1_3 })
    }

    /// Those keys of `section` about TLS that have no effect.
    pub(super) fn unused(section: &Section<'_>) -> Vec<&'static str> {
        WITHOUT_EFFECT.into_iter().filter(|key| section.has(key)).collect()
    }
}

/// Gives the text of a key.
type Text<'a> = dyn Fn(&str) -> Result<Option<&'a str>, OptionError> + 'a;

/// What `ssl-mode` says.
fn mode(
    section: &Section<'_>,
    text: &Text<'_>,
) -> Result<Option<(Encryption, Verification)>, OptionError> {
    let Some(mode) = text("ssl-mode")? else { return Ok(None) };
    Ok(Some(match mode.to_ascii_uppercase().as_str() {
        "DISABLED" => (Encryption::Off, Verification::Nothing),
        "PREFERRED" => (Encryption::Preferred, Verification::Nothing),
        "REQUIRED" => (Encryption::Required, Verification::Nothing),
        "VERIFY_CA" => (Encryption::Required, Verification::Authority),
        "VERIFY_IDENTITY" => (Encryption::Required, Verification::Name),
        _ => {
            let known = "is none of DISABLED, PREFERRED, REQUIRED, VERIFY_CA, VERIFY_IDENTITY";
            return Err(section.error("ssl-mode", known));
        }
    }))
}

/// What `tls`, and else the keys of MariaDB's client programs say.
fn without_mode(
    section: &Section<'_>,
    text: &Text<'_>,
    shows_certificate: bool,
) -> Result<(Encryption, Verification), OptionError> {
    if let Some(tls) = text("tls")? {
        return match tls.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok((Encryption::Required, Verification::Name)),
            "false" | "0" | "no" | "off" => Ok((Encryption::Off, Verification::Nothing)),
            "skip-verify" => Ok((Encryption::Required, Verification::Nothing)),
            "preferred" => Ok((Encryption::Preferred, Verification::Nothing)),
            _ => Err(section.error("tls", "is none of true, false, skip-verify, preferred")),
        };
    }
    if section.flag("skip-ssl")?.unwrap_or_default() {
        return Ok((Encryption::Off, Verification::Nothing));
    }
    let is_on = section.flag("ssl")?;
    let verifies = section.flag("ssl-verify-server-cert")?.unwrap_or_default();
    Ok(match (is_on, verifies) {
        (Some(false), _) => (Encryption::Off, Verification::Nothing),
        (_, true) => (Encryption::Required, Verification::Name),
        (Some(true), false) => (Encryption::Required, Verification::Nothing),
        (None, false) if shows_certificate => (Encryption::Preferred, Verification::Nothing),
        (None, false) => (Encryption::Off, Verification::Nothing),
    })
}

/// Whether a version is asked for, and whether no version before 1.3 will do.
fn versions(section: &Section<'_>, text: &Text<'_>) -> Result<(bool, bool), OptionError> {
    let number = |key: &str| -> Result<Option<u8>, OptionError> {
        match text(key)? {
            None => Ok(None),
            Some("TLSv1.0") => Ok(Some(0)),
            Some("TLSv1.1") => Ok(Some(1)),
            Some("TLSv1.2") => Ok(Some(2)),
            Some("TLSv1.3") => Ok(Some(3)),
            Some(_) => Err(section.error(key, "is none of TLSv1.0, TLSv1.1, TLSv1.2, TLSv1.3")),
        }
    };
    let (least, most) = (number("tls-min-version")?, number("tls-max-version")?);
    if let (Some(least), Some(most)) = (least, most)
        && least > most
    {
        return Err(section.error("tls-min-version", "is above tls-max-version"));
    }
    if most.is_some_and(|most| most < 2) {
        return Err(section.error("tls-max-version", "is below TLSv1.2, the oldest one supported"));
    }
    Ok((least.is_some() || most.is_some(), least == Some(3)))
}
