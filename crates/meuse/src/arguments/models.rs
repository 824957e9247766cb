//! `meuse models` as typed.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Models {
    /// List the models.
    #[command(after_help = "Example:\n  meuse models list")]
    List,
    /// Show a model, or one of its versions with its evaluation.
    #[command(after_help = "Example:\n  meuse models show credit-scorecard:1")]
    Show {
        /// `credit`, `credit:1`, `credit@champion`
        model: String,
    },
    /// Put versions side by side.
    #[command(after_help = "Example:\n  meuse models compare credit-scorecard:1 credit-trees:1")]
    Compare {
        /// `credit-scorecard:1 credit-trees:1 …`
        #[arg(required = true, num_args = 2..)]
        versions: Vec<String>,
    },
    /// Let a version answer the calls to its model.
    #[command(after_help = "Example:\n  meuse models deploy credit-trees:1 --reason \"better on the validation part\"")]
    Deploy {
        /// `credit:1`
        version: String,
        /// Why; it stands in the record.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Go back to the version that answered before.
    #[command(after_help = "Example:\n  meuse models rollback credit-trees --reason \"too many refusals\"")]
    Rollback {
        /// The model.
        model: String,
        /// Why; it stands in the record.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Let nothing answer the calls that name no version, until the next deployment.
    #[command(after_help = "Example:\n  meuse models undeploy credit-trees --reason \"retired\"")]
    Undeploy {
        /// The model.
        model: String,
        /// Why; it stands in the record.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Show what answered since when, who said so, and why.
    #[command(after_help = "Example:\n  meuse models routes credit-trees")]
    Routes {
        /// The model.
        model: String,
    },
    /// Point an alias to a version.
    #[command(after_help = "Example:\n  meuse models alias credit-trees:1 champion")]
    Alias {
        /// `credit:1`
        version: String,
        /// The alias.
        alias: String,
    },
    /// Remove an alias.
    #[command(after_help = "Example:\n  meuse models unalias credit-trees champion")]
    Unalias {
        /// The model.
        model: String,
        /// The alias.
        alias: String,
    },
    /// Show the words nearest to a word, by the word vectors of an embedding.
    #[command(after_help = "Examples:\n  meuse models neighbours words:1 awful\n  \
        meuse models neighbours words king --minus man --plus woman --count 5")]
    Neighbours {
        /// `words` (what is deployed), `words:1`, `words@champion`
        model: String,
        /// The word.
        word: String,
        /// A word that is added to it; several by repeating it.
        #[arg(long, value_name = "WORD")]
        plus: Vec<String>,
        /// A word that is taken away from it; several by repeating it.
        #[arg(long, value_name = "WORD")]
        minus: Vec<String>,
        /// How many neighbours.
        #[arg(long, default_value_t = 10)]
        count: u32,
    },
    /// Delete a version (`credit:1`) or a model with all its versions (`credit`); not while one is serving.
    #[command(after_help = "Example:\n  meuse models delete credit-trees:2")]
    Delete {
        /// `credit:1` or `credit`
        model: String,
    },
}
