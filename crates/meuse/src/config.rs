//! From what was typed to what is meant: defaults, then a TOML file, then `MEUSE_SECTION__KEY`, then flags.
//!
//! The settings are one table, so that `meuse config show`, the check of unknown keys and the documentation cannot
//! differ. Nothing further in sees a flag or a variable.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, bail};
use meuse_core::suggest;
use serde::Serialize;

use crate::output;

/// One setting: section, key, default, meaning.
struct Setting(&'static str, &'static str, &'static str, &'static str);

/// All settings. An empty default means "none" or "chosen at the start".
const SETTINGS: [Setting; 25] = [
    Setting("server", "home", "./meuse-home", "the folder that holds everything"),
    Setting("server", "listen", "127.0.0.1:8080", "address and port; port 0 takes a free one"),
    Setting("server", "admin_key_file", "", "where the first start writes the admin key"),
    Setting("server", "database", "", "postgres://…; none: SQLite in the home folder"),
    Setting("server", "max_upload_mib", "2048", "the largest upload"),
    Setting("server", "max_body_mib", "16", "the largest JSON body"),
    Setting("server", "header_timeout_s", "20", "how long a client may take to send its header"),
    Setting("server", "body_timeout_s", "30", "how long a body may be silent, and over how long its rate is measured"),
    Setting("server", "idle_timeout_s", "120", "how long a connection may be open without asking anything"),
    Setting("server", "least_rate", "1024", "the least bytes a second of a body that comes or an answer that goes"),
    Setting("server", "bodies_memory_mib", "256", "memory for the bodies of all requests together"),
    Setting("server", "max_requests", "512", "requests answered at once; half of them for one principal"),
    Setting("server", "max_connections", "1024", "connections open at once; one that only sits goes for a new one"),
    Setting("server", "shutdown_grace_s", "20", "how long calls may take to finish when the server stops"),
    Setting("serving", "concurrency", "", "predict calls at once; none: four per core"),
    Setting("serving", "max_rows", "10000", "the most rows of one call"),
    Setting("serving", "loaded_models", "32", "how many versions stay in memory"),
    Setting("compute", "slots", "", "jobs at once; none: by the number of cores"),
    Setting("compute", "threads", "", "threads of one job; none: the cores divided by the slots"),
    Setting("compute", "memory_mib", "2048", "memory of one job's DuckDB"),
    Setting("compute", "max_memory_mib", "", "all memory of one job; none: ¾ of the machine's, shared by the jobs"),
    Setting(
        "compute",
        "gpus",
        "",
        "GPUs that networks are trained on, 0 for none of them; none given: all that are there",
    ),
    Setting("compute", "pretrained", "", "folder of pretrained weights; none: `pretrained` in the home"),
    Setting("log", "format", "text", "text or json"),
    Setting("log", "level", "info", "error, warn, info, debug or trace"),
];

/// A setting's value and where it came from.
#[derive(Debug, Clone, Serialize)]
struct Value {
    value: String,
    from: String,
}

/// The effective settings.
#[derive(Debug)]
pub(crate) struct Config(BTreeMap<(&'static str, &'static str), Value>);

impl Config {
    /// Defaults, file, environment and flags (`section`, `key`, value), each over the one before.
    pub(crate) fn load(file: Option<&Path>, flags: &[(&str, &str, Option<String>)]) -> anyhow::Result<Self> {
        let default = |Setting(section, key, value, _): &Setting| {
            ((*section, *key), Value { value: (*value).to_owned(), from: "default".into() })
        };
        let mut config = Self(SETTINGS.iter().map(default).collect());
        if let Some(path) = file {
            config.read_file(path)?;
        }
        config.read_environment(std::env::vars())?;
        for (section, key, value) in flags {
            if let Some(value) = value {
                config.set(section, key, value.clone(), &format!("--{}", key.replace('_', "-")))?;
            }
        }
        Ok(config)
    }

    fn read_file(&mut self, path: &Path) -> anyhow::Result<()> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let table: toml::Table = toml::from_str(&text).with_context(|| format!("{} is not TOML", path.display()))?;
        for (section, keys) in table {
            let toml::Value::Table(keys) = keys else {
                bail!("{}: `{section}` is not a section; settings stand under [server], [serving], …", path.display());
            };
            for (key, value) in keys {
                let text = match value {
                    toml::Value::String(text) => text,
                    other => other.to_string(),
                };
                self.set(&section, &key, text, &path.display().to_string())?;
            }
        }
        Ok(())
    }

    fn read_environment(&mut self, variables: impl Iterator<Item = (String, String)>) -> anyhow::Result<()> {
        for (name, value) in variables {
            let Some((section, key)) = name.strip_prefix("MEUSE_").and_then(|rest| rest.split_once("__")) else {
                continue;
            };
            self.set(&section.to_lowercase(), &key.to_lowercase(), value, &name)?;
        }
        Ok(())
    }

    fn set(&mut self, section: &str, key: &str, value: String, from: &str) -> anyhow::Result<()> {
        let slot = self.0.iter_mut().find(|(name, _)| name.0 == section && name.1 == key);
        let Some((_, slot)) = slot else {
            let known: Vec<String> = SETTINGS.iter().map(|setting| format!("{}.{}", setting.0, setting.1)).collect();
            let typed = format!("{section}.{key}");
            bail!("{from}: there is no setting `{typed}`; {}", suggest::hint(&typed, known.iter().map(String::as_str)));
        };
        *slot = Value { value, from: from.to_owned() };
        Ok(())
    }

    /// A text; `None` when it is empty.
    pub(crate) fn text(&self, section: &'static str, key: &'static str) -> Option<&str> {
        self.0.get(&(section, key)).map(|value| value.value.as_str()).filter(|value| !value.is_empty())
    }

    /// A whole number from 1; `None` when the setting is empty.
    pub(crate) fn number(&self, section: &'static str, key: &'static str) -> anyhow::Result<Option<usize>> {
        self.whole_number(section, key, 1)
    }

    /// A whole number from 0; `None` when the setting is empty.
    pub(crate) fn count(&self, section: &'static str, key: &'static str) -> anyhow::Result<Option<usize>> {
        self.whole_number(section, key, 0)
    }

    fn whole_number(&self, section: &'static str, key: &'static str, least: usize) -> anyhow::Result<Option<usize>> {
        let Some(text) = self.text(section, key) else { return Ok(None) };
        let number = text.parse().ok().filter(|number| *number >= least);
        let from = self.0.get(&(section, key)).map_or("", |value| value.from.as_str());
        number
            .map(Some)
            .with_context(|| format!("{from}: {section}.{key} is `{text}`; write a whole number from {least}"))
    }
}

/// Prints each effective setting and where it came from. The database's password is not shown.
pub(crate) fn show(file: Option<&Path>, json: bool) -> anyhow::Result<()> {
    let config = Config::load(file, &[])?;
    let meaning = |section: &str, key: &str| {
        let setting = SETTINGS.iter().find(|setting| setting.0 == section && setting.1 == key);
        setting.map_or("", |setting| setting.3)
    };
    if json {
        let entry = |((section, key), value): (&(&str, &str), &Value)| serde_json::json!({ "setting": format!("{section}.{key}"), "value": shown(&value.value), "from": value.from });
        return output::json(&config.0.iter().map(entry).collect::<Vec<_>>());
    }
    let row = |((section, key), value): (&(&'static str, &'static str), &Value)| {
        vec![format!("{section}.{key}"), shown(&value.value), value.from.clone(), meaning(section, key).to_owned()]
    };
    output::table(&["setting", "value", "from", "meaning"], &[], config.0.iter().map(row).collect());
    Ok(())
}

/// A value without the password of a URL.
fn shown(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else { return value.to_owned() };
    match rest.rsplit_once('@') {
        Some((credentials, host)) => {
            let user = credentials.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:…@{host}")
        }
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_source_wins_and_is_named() {
        let mut config =
            Config::load(None, &[("server", "listen", Some("127.0.0.1:1".into()))]).expect("flags are known");
        assert_eq!(config.text("server", "listen"), Some("127.0.0.1:1"));
        let variables = [("MEUSE_COMPUTE__SLOTS".to_owned(), "3".to_owned()), ("MEUSE_URL".to_owned(), "x".to_owned())];
        config.read_environment(variables.into_iter()).expect("the variable is known");
        assert_eq!(config.number("compute", "slots").expect("a number"), Some(3));
    }

    #[test]
    fn an_unknown_setting_is_an_error_with_a_suggestion() {
        let mut config = Config::load(None, &[]).expect("defaults load");
        let variable = [("MEUSE_SERVER__LISTN".to_owned(), "x".to_owned())];
        let message = config.read_environment(variable.into_iter()).expect_err("unknown").to_string();
        assert_eq!(message, "MEUSE_SERVER__LISTN: there is no setting `server.listn`; did you mean `server.listen`?");
    }

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(shown("postgres://ana:secret@db/meuse"), "postgres://ana:…@db/meuse");
    }
}
