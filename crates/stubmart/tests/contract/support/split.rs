//! The market as it runs on several machines, by `scripts/market.sh`: two processes for each service.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

use uuid::Uuid;

/// The engines of this run, by the setting and the variable that names them; `./test split` starts them.
const ENGINES: [(&str, &str); 3] = [
    ("STUBMART_MONGODB_URL", "STUBMART_TEST_MONGODB_URL"),
    ("STUBMART_NATS_URL", "STUBMART_TEST_NATS_URL"),
    ("STUBMART_REDIS_URL", "STUBMART_TEST_REDIS_URL"),
];

/// The settings that name the engines of this run.
pub(crate) fn engines() -> [(&'static str, String); 3] {
    ENGINES.map(|(setting, given)| {
        let url = std::env::var(given);
        let wanted = || panic!("{given} must name an engine; `./test engines` starts one");
        (setting, url.unwrap_or_else(|_| wanted()))
    })
}

/// A market of many processes, with its files in a directory.
pub(crate) struct SplitMarket {
    directory: PathBuf,
}

impl SplitMarket {
    /// Whether this run is about the split topology.
    pub(crate) fn is_wanted() -> bool {
        std::env::var("STUBMART_TEST_TOPOLOGY").is_ok_and(|it| it == "split")
    }

    /// Starts a market that is kept under the name in `data`, and answers where its gateway is.
    pub(crate) fn up(data: &Path, settings: &[(&str, &str)]) -> (String, Self) {
        let market = Self { directory: data.join("market") };
        let namespace = data.join("namespace");
        if !namespace.exists() {
            fs::write(&namespace, format!("test-{}", Uuid::new_v4().simple())).unwrap();
        }
        let mut up = market.script(&["up", "--instances", "2"]);
        up.env("STUBMART_NAMESPACE", fs::read_to_string(namespace).unwrap());
        let output = up.envs(engines()).envs(settings.iter().copied()).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        let address = said.trim().rsplit("http://").next().unwrap_or_default().to_owned();
        (address, market)
    }

    /// Stops all of it.
    pub(crate) fn down(&self) -> ExitStatus {
        self.script(&["down"]).status().unwrap()
    }

    /// What all processes have logged.
    pub(crate) fn log(&self) -> String {
        let files = fs::read_dir(&self.directory).unwrap().map(|file| file.unwrap().path());
        let logs = files.filter(|path| path.extension().is_some_and(|it| it == "log"));
        logs.map(|path| fs::read_to_string(path).unwrap()).collect()
    }

    fn script(&self, arguments: &[&str]) -> Command {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/market.sh");
        let mut command = Command::new(script);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("STUBMART_") {
                command.env_remove(name);
            }
        }
        command.args(arguments).arg(&self.directory);
        command.env("STUBMART_BINARY", env!("CARGO_BIN_EXE_stubmart"));
        command
    }
}
