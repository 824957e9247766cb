//! The command line as typed. Nothing here does anything; `commands` gives it meaning.

mod models;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use self::models::Models;

/// Data into models, and models into a service that others can rely on.
#[derive(Debug, Parser)]
#[command(
    name = "meuse",
    version,
    about,
    after_help = "The first walk, from a file of loans to an answered call:\n  \
        meuse serve --home ./home --admin-key-file ./admin.key &\n  \
        export MEUSE_API_KEY=$(cat ./admin.key)\n  \
        meuse data import credit examples/credit/germancredit.csv\n  \
        meuse recipe init --dataset credit --target creditability --out credit.toml\n  \
        meuse train credit.toml --model credit-trees --follow\n  \
        meuse models deploy credit-trees:1 --reason \"first model\"\n  \
        meuse predict credit-trees --rows @applicants.json"
)]
pub(crate) struct Arguments {
    /// Answer in JSON, for programs.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which server, as whom.
#[derive(Debug, Clone, Args)]
pub(crate) struct Connection {
    /// The server's address [default: http://127.0.0.1:8080].
    #[arg(long, global = true, env = "MEUSE_URL", value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The API key; without it, the credentials file that `meuse login` wrote.
    #[arg(long, global = true, env = "MEUSE_API_KEY", value_name = "KEY", hide_env_values = true)]
    pub(crate) key: Option<String>,
    /// The project; without it, the key's home project.
    #[arg(long, global = true, env = "MEUSE_PROJECT", value_name = "NAME")]
    pub(crate) project: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a server.
    Serve(Serve),
    /// Tell which native libraries are present, in which version, and what to do about those that are not.
    #[command(after_help = "Example:\n  meuse doctor")]
    Doctor,
    /// Fetch native libraries into the folder `lib` beside this program; each is verified by its hash before it is used.
    ///
    /// Without a word: what every server needs. It asks PyPI and npm by their ordinary clients, so Python 3.11 with pip and
    /// npm must be there. In a checkout, scripts/setup does it.
    #[command(after_help = "Examples:\n  meuse setup\n  meuse setup deep   (what trains networks; with CUDA where \
        there is a GPU)")]
    Setup(Setup),
    /// Remember a server's address and an API key, read from standard input.
    #[command(after_help = "Example:\n  meuse login http://127.0.0.1:8080 < admin.key")]
    Login {
        /// The server's address.
        server: String,
    },
    /// Tell who the key belongs to.
    #[command(after_help = "Example:\n  meuse whoami")]
    Whoami,
    /// Datasets: import, look at, export.
    #[command(subcommand)]
    Data(Data),
    /// Augmentation: what may happen to pictures of the training part.
    #[command(subcommand)]
    Augment(Augment),
    /// Recipes: what to make from which data.
    #[command(subcommand)]
    Recipe(Recipe),
    /// Train a model by a recipe.
    #[command(after_help = "Example:\n  meuse train credit.toml --model credit-trees --follow")]
    Train {
        /// The recipe, TOML or JSON; `-` reads standard input.
        file: PathBuf,
        /// The model that the result will be a version of.
        #[arg(long)]
        model: String,
        /// Wait for the end, with a progress bar.
        #[arg(long)]
        follow: bool,
    },
    /// Jobs: what runs, what ran, and why it failed.
    #[command(subcommand)]
    Jobs(Jobs),
    /// Models: versions, evaluation, deployment.
    #[command(subcommand)]
    Models(Models),
    /// Ask a model.
    #[command(
        after_help = "Examples:\n  meuse predict credit-trees --rows '[{\"age_in_years\": 35, \"housing\": \"own\"}]'\n  \
        meuse predict credit-trees:1 --rows @applicants.json"
    )]
    Predict {
        /// The model: `credit` (what is deployed), `credit:1`, `credit@champion`.
        model: String,
        /// A JSON list of rows, or one row; `@FILE` reads a file, `-` standard input.
        #[arg(long, required_unless_present_any = ["text", "image"])]
        rows: Option<String>,
        /// For a model whose one input is a text: the text; `@FILE` reads a file, `-` standard input.
        #[arg(long, conflicts_with = "rows")]
        text: Option<String>,
        /// For a model whose one input is a picture: its file; several make several rows.
        #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["rows", "text"])]
        image: Vec<PathBuf>,
    },
    /// The audit trail: who did what, and whether the record is whole.
    #[command(subcommand)]
    Audit(Audit),
    /// Projects: the walls between tenants.
    #[command(subcommand)]
    Projects(Projects),
    /// Principals: people and services, and their roles in this project.
    #[command(subcommand)]
    Principals(Principals),
    /// API keys.
    #[command(subcommand)]
    Keys(Keys),
    /// Take a backup of a whole server while it works: every record and blob of all projects, and its secret.
    ///
    /// The file opens everything that the server holds, so it is written for its owner alone (mode 600); keep it as you
    /// keep the server's home. It appears whole or not at all.
    #[command(after_help = "Examples:\n  meuse backup meuse-$(date +%F).tar\n  \
        meuse backup meuse.tar --home ./home   (on the server's machine; needs no key, and no server)\n  \
        meuse backup - | age --encrypt --recipients-file keys.txt > meuse.tar.age")]
    Backup(Backup),
    /// Restore a backup into an empty home.
    #[command(after_help = "Examples:\n  meuse restore meuse.tar --home ./home\n  \
        meuse restore meuse.tar --home ./home --database postgres://meuse@db/meuse\n  \
        meuse restore meuse.tar --dry-run   (checks every byte of the file, and restores nothing)")]
    Restore(Restore),
    /// Configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// What `setup` is told.
#[derive(Debug, Args)]
pub(crate) struct Setup {
    /// What more than every server needs.
    #[arg(value_enum)]
    pub(crate) what: Option<Libraries>,
    /// `deep`, with CUDA also where no GPU is seen now: 2.3 GB to fetch.
    #[arg(long)]
    pub(crate) gpu: bool,
    /// The folder whose `lib` it is.
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
}

/// Native libraries that not everybody needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Libraries {
    /// libtorch, which `meuse-deep` trains networks with: 540 MB to fetch.
    Deep,
}

/// What `backup` is told.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The file; `-` writes to standard output.
    pub(crate) file: PathBuf,
    /// Write over a file that is there.
    #[arg(long)]
    pub(crate) force: bool,
    /// Read this home folder of a server directly, whether or not the server runs.
    #[arg(long, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// The database of that home, `postgres://…`; without it, SQLite in the home folder.
    #[arg(long, value_name = "URL", requires = "home")]
    pub(crate) database: Option<String>,
}

/// What `restore` is told.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The backup; `-` reads standard input.
    pub(crate) file: PathBuf,
    /// The home folder to restore into; it is not there yet, or is empty.
    #[arg(long, value_name = "DIR", required_unless_present = "dry_run")]
    pub(crate) home: Option<PathBuf>,
    /// An empty Postgres database to restore the records into, `postgres://…`; without it, SQLite in the home folder.
    #[arg(long, value_name = "URL", requires = "home")]
    pub(crate) database: Option<String>,
    /// Check the file and restore nothing.
    #[arg(long, conflicts_with = "home")]
    pub(crate) dry_run: bool,
}

/// Flags of `serve`; each overrides its setting of the configuration file and the environment.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  meuse serve --home ./home --listen 127.0.0.1:8080 --admin-key-file ./admin.key")]
pub(crate) struct Serve {
    /// The folder that holds everything: records, blobs, work [default: ./meuse-home].
    #[arg(long, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// Address and port; port 0 takes a free one [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<String>,
    /// Where the first start writes the admin key (mode 600); without it the key is shown once.
    #[arg(long, value_name = "FILE")]
    pub(crate) admin_key_file: Option<PathBuf>,
    /// `postgres://…`; without it, SQLite in the home folder.
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// Writes the address that it listens on to this file, once it does.
    #[arg(long, value_name = "FILE")]
    pub(crate) address_file: Option<PathBuf>,
    /// A TOML file of settings; see `meuse config show`.
    #[arg(long, value_name = "FILE", env = "MEUSE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Data {
    /// Import a file as a new version of a dataset.
    #[command(after_help = "Examples:\n  meuse data import credit examples/credit/germancredit.csv\n  \
        meuse data import loans loans.csv --encoding gb18030 --missing NA\n  \
        meuse data import icons ./icons   (a folder of pictures, one folder per class)")]
    Import {
        /// The dataset; made when it is not there.
        name: String,
        /// A CSV, JSON-lines or Parquet file; or pictures or texts: a folder, zip or tar, one folder per class; or IDX.
        file: PathBuf,
        /// The format; without it, by the file's name and bytes.
        #[arg(long)]
        format: Option<Format>,
        /// The text encoding; without it, detected.
        #[arg(long, value_name = "utf-8|gb18030")]
        encoding: Option<String>,
        /// The character between cells; without it, sniffed.
        #[arg(long)]
        delimiter: Option<char>,
        /// A text that means a missing cell, besides the empty one; may be given more than once.
        #[arg(long, value_name = "TEXT")]
        missing: Vec<String>,
    },
    /// List the datasets.
    #[command(after_help = "Example:\n  meuse data list")]
    List,
    /// Show a version: columns, rows, source.
    #[command(after_help = "Example:\n  meuse data show credit:1")]
    Show {
        /// `credit`, `credit:1`
        dataset: String,
    },
    /// Show the first rows.
    #[command(after_help = "Example:\n  meuse data preview credit")]
    Preview {
        /// `credit`, `credit:1`
        dataset: String,
    },
    /// Show the profile: missing, distinct, moments, histogram, most frequent values.
    #[command(after_help = "Example:\n  meuse data profile credit --column age_in_years")]
    Profile {
        /// `credit`, `credit:1`
        dataset: String,
        /// One column, in full.
        #[arg(long)]
        column: Option<String>,
    },
    /// Write a version to a file.
    #[command(after_help = "Example:\n  meuse data export credit:1 --format csv --out credit.csv")]
    Export {
        /// `credit`, `credit:1`
        dataset: String,
        /// The format.
        #[arg(long, default_value = "csv")]
        format: Format,
        /// The file; without it, standard output.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Augment {
    /// Draw what a model will see: one row per picture of the training part, first as it is, then as chance changes it in
    /// each epoch.
    #[command(after_help = "Examples:\n  meuse augment preview --recipe clipart.toml --out grid.png\n  \
        meuse augment preview digits --out grid.png --augmentation '{\"rotation\": 15}' \\\n    \
        --image '{\"width\": 28, \"height\": 28, \"colour\": \"grey\"}'")]
    Preview {
        /// `clipart`, `clipart:1`; default: the recipe's
        #[arg(required_unless_present = "recipe")]
        dataset: Option<String>,
        /// A recipe, TOML or JSON, whose rule for pictures, augmentation and seed are drawn; `-` reads standard input.
        #[arg(long, value_name = "FILE")]
        recipe: Option<PathBuf>,
        /// The augmentation as JSON; `@FILE` reads a file. Default: the recipe's, or none.
        #[arg(long, value_name = "JSON", required_unless_present_any = ["recipe", "image"])]
        augmentation: Option<String>,
        /// How a picture becomes what the model sees, as JSON; `@FILE` reads a file. Default: as the recipe says, or cut to
        /// a square in colour.
        #[arg(long, value_name = "JSON")]
        image: Option<String>,
        /// Only pictures of this class.
        #[arg(long)]
        label: Option<String>,
        /// How many pictures.
        #[arg(long, default_value_t = 4)]
        pictures: u32,
        /// How many epochs of each.
        #[arg(long, default_value_t = 6)]
        epochs: u32,
        /// Every choice follows from it; default: the recipe's, or 42.
        #[arg(long)]
        seed: Option<u64>,
        /// The PNG file.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// Comma-separated values.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// Pictures: a folder, zip or tar of them, or IDX; an export is the file that was imported.
    Images,
    /// Texts: a folder, zip or tar of .txt files, a folder per class, for imports.
    Texts,
    /// JSON lines, for imports.
    Jsonl,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Recipe {
    /// Print the JSON Schema of a recipe.
    #[command(after_help = "Example:\n  meuse recipe schema > recipe.schema.json")]
    Schema,
    /// Check a recipe against its dataset.
    #[command(after_help = "Example:\n  meuse recipe check credit.toml")]
    Check {
        /// The recipe, TOML or JSON; `-` reads standard input.
        file: PathBuf,
    },
    /// Write a good first recipe, with comments.
    #[command(after_help = "Example:\n  \
        meuse recipe init --dataset credit --target creditability --algorithm lightgbm --out credit.toml")]
    Init {
        /// `credit`, `credit:1`
        #[arg(long)]
        dataset: String,
        /// The column to predict.
        #[arg(long)]
        target: String,
        /// `lightgbm`, `scorecard`, `logistic_regression` or `linear_regression` [default: lightgbm, or the regression
        /// that fits where there is a column of long texts].
        #[arg(long)]
        algorithm: Option<String>,
        /// A column that says which part a row belongs to.
        #[arg(long, value_name = "COLUMN")]
        split_column: Option<String>,
        /// The class whose probability is predicted [default: the rarer one].
        #[arg(long, value_name = "CLASS")]
        positive: Option<String>,
        /// The file; without it, standard output.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Jobs {
    /// List the jobs, newest first.
    #[command(after_help = "Example:\n  meuse jobs list")]
    List,
    /// Show a job.
    #[command(after_help = "Example:\n  meuse jobs show 01a2…")]
    Show {
        /// The job's id.
        id: String,
    },
    /// Follow a job to its end.
    #[command(after_help = "Example:\n  meuse jobs follow 01a2…")]
    Follow {
        /// The job's id.
        id: String,
    },
    /// Ask a job to stop.
    #[command(after_help = "Example:\n  meuse jobs cancel 01a2…")]
    Cancel {
        /// The job's id.
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// List the entries, oldest first.
    #[command(after_help = "Examples:\n  meuse audit list --newest --limit 20\n  \
        meuse audit list --actor ana --action model. --since 2026-11-01")]
    List {
        #[command(flatten)]
        filter: AuditFilter,
        /// Newest first.
        #[arg(long)]
        newest: bool,
        /// Show those that follow this number.
        #[arg(long)]
        after: Option<i64>,
        /// The most entries.
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Write the entries to a file: CSV, or a JSON object a line when its name ends in `.jsonl`.
    #[command(after_help = "Examples:\n  meuse audit export audit.csv\n  \
        meuse audit export deployments.jsonl --action model.deploy --since 2026-11-01")]
    Export {
        /// The file; `-` writes CSV to standard output.
        file: PathBuf,
        #[command(flatten)]
        filter: AuditFilter,
    },
    /// Find altered, removed, inserted and reordered entries, and a cut tail.
    #[command(after_help = "Examples:\n  meuse audit verify\n  meuse audit verify --home ./home   (no server needed)")]
    Verify {
        /// A server's home folder, read directly.
        #[arg(long, value_name = "DIR")]
        home: Option<PathBuf>,
    },
}

/// Which entries.
#[derive(Debug, Args)]
pub(crate) struct AuditFilter {
    /// Who.
    #[arg(long, value_name = "NAME")]
    pub(crate) actor: Option<String>,
    /// What: `model.deploy`, or everything of a kind as in `model.`
    #[arg(long)]
    pub(crate) action: Option<String>,
    /// A part of what it was done to.
    #[arg(long, value_name = "TEXT")]
    pub(crate) subject: Option<String>,
    /// Not earlier than this: `2026-11-23` or `2026-11-23T10:14:00Z`
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Earlier than this.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Projects {
    /// List the projects that the caller may see.
    #[command(after_help = "Example:\n  meuse projects list")]
    List,
    /// Make a project; its maker becomes its admin.
    #[command(after_help = "Example:\n  meuse projects create retail")]
    Create {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Principals {
    /// List the principals of this project.
    #[command(after_help = "Example:\n  meuse principals list")]
    List,
    /// Make a principal, or give one a role in this project.
    #[command(after_help = "Example:\n  meuse principals add ana --role scientist")]
    Add {
        /// Its name.
        name: String,
        /// `viewer`, `scientist` or `admin`
        #[arg(long)]
        role: String,
    },
    /// Take a principal's role in this project away; their keys open nothing here any more.
    #[command(after_help = "Example:\n  meuse principals remove ana")]
    Remove {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// List the keys of this project.
    #[command(after_help = "Example:\n  meuse keys list")]
    List,
    /// Make a key; it is shown once.
    #[command(after_help = "Example:\n  meuse keys create --principal ana --expires-in-days 90 --note \"notebook\"")]
    Create {
        /// Whose it will be [default: the caller].
        #[arg(long)]
        principal: Option<String>,
        /// What it is for.
        #[arg(long, default_value = "")]
        note: String,
        /// Days until it stops [default: never].
        #[arg(long, value_name = "DAYS", allow_negative_numbers = true)]
        expires_in_days: Option<u32>,
    },
    /// Revoke a key; it stops at once.
    #[command(after_help = "Example:\n  meuse keys revoke 01a2…")]
    Revoke {
        /// The key's id.
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print each effective setting of a server and where it came from.
    #[command(after_help = "Example:\n  meuse config show --config meuse.toml")]
    Show {
        /// A TOML file of settings.
        #[arg(long, value_name = "FILE", env = "MEUSE_CONFIG")]
        config: Option<PathBuf>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn leaves(command: &clap::Command, found: &mut Vec<clap::Command>) {
        let mut inner = command.get_subcommands().peekable();
        if inner.peek().is_none() {
            found.push(command.clone());
        }
        inner.for_each(|command| leaves(command, found));
    }

    #[test]
    fn every_help_shows_an_example() {
        let mut found = Vec::new();
        leaves(&Arguments::command(), &mut found);
        assert!(found.len() > 30, "{}", found.len());
        for command in found {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.starts_with("Example"), "`{}` shows no example", command.get_name());
        }
    }
}
