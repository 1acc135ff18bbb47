//! Headless Chromium, as a visitor uses it.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    process::Stdio,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use fantoccini::{Client as Driver, ClientBuilder, Locator, elements::Element};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use stubmart_client::Client;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::{
    market::{Market, Member, root},
    patience::{PATIENCE, eventually, within_patience},
};

const INSTALL: &str =
    "run scripts/install-browser.sh, which puts chromium, chromedriver and axe-core in place";

/// How the browser presents itself.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// The viewport, in CSS pixels.
    pub size: (u32, u32),
    /// Whether the visitor prefers dark pages.
    pub dark: bool,
    /// Whether it is a phone: touch, and the viewport of a phone.
    pub phone: bool,
    /// Whether scripts run.
    pub scripts: bool,
}

impl Look {
    /// A screen on a desk.
    pub const DESK: Self = Self { size: (1280, 900), dark: false, phone: false, scripts: true };
    /// A phone in the hand.
    pub const PHONE: Self = Self { size: (390, 844), dark: false, phone: true, scripts: true };
    /// A browser that runs no scripts.
    pub const PLAIN: Self = Self { size: (1280, 900), dark: false, phone: false, scripts: false };

    /// The same, for a visitor who prefers dark pages.
    #[must_use]
    pub const fn dark(self) -> Self {
        Self { dark: true, ..self }
    }
}

/// A browser of its own, with no cookies. It ends when this is dropped.
#[derive(Debug)]
pub struct Browser {
    driver: Driver,
    /// The driver's HTTP interface, for what the `WebDriver` standard does not have.
    raw: Client,
    session: String,
    /// Where the driver listens: host and port.
    address: String,
    base: String,
    _process: Child,
    _profile: TempDir,
}

impl Browser {
    /// Opens a browser.
    ///
    /// # Panics
    /// When Chromium or `ChromeDriver` is not installed.
    pub async fn open(market: &Market, look: Look) -> Self {
        let profile =
            tempfile::Builder::new().prefix("stubmart-chromium-").tempdir().expect("a directory");
        let (process, address) = start_driver().await;
        let mut client = ClientBuilder::new(HttpConnector::new());
        let capabilities = capabilities(look, &profile);
        client.capabilities(capabilities.as_object().cloned().unwrap_or_default());
        let driver = client
            .connect(&address)
            .await
            .unwrap_or_else(|error| panic!("Chromium does not start ({error}): {INSTALL}"));
        let session = driver.session_id().await.unwrap().expect("a session");
        let raw = Client::http(&address).unwrap();
        let browser = Self {
            driver,
            raw,
            session,
            address: address.trim_start_matches("http://").to_owned(),
            base: market.base.clone(),
            _process: process,
            _profile: profile,
        };
        if look.dark {
            let dark = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
            browser.devtools("Emulation.setEmulatedMedia", &dark).await;
        }
        browser
    }

    /// Goes to a path of the market.
    pub async fn go(&self, path: &str) {
        self.driver.goto(&format!("{}{path}", self.base)).await.unwrap();
    }

    /// The path that the browser is at.
    pub async fn path(&self) -> String {
        self.driver.current_url().await.unwrap().path().to_owned()
    }

    /// The driver, for what is rarely needed.
    #[must_use]
    pub fn driver(&self) -> &Driver {
        &self.driver
    }

    /// The first element that fits, once there is one that is shown.
    pub async fn find(&self, css: &str) -> Element {
        let found = within_patience(async || {
            for element in self.driver.find_all(Locator::Css(css)).await.ok()? {
                if element.is_displayed().await.unwrap_or(false) {
                    return Some(element);
                }
            }
            None
        });
        match found.await {
            Some(element) => element,
            None => panic!("{css} is not there; {}", self.state().await),
        }
    }

    /// Where the browser is and what it shows, to find out why a test failed.
    async fn state(&self) -> String {
        let shown = match self.driver.find(Locator::Css("body")).await {
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(error) => error.to_string(),
        };
        format!("at {}:\n{shown}", self.path().await)
    }

    /// Clicks what fits, once it is there.
    pub async fn click(&self, css: &str) {
        let give_up = format!("clicking {css}");
        eventually(&give_up, async || {
            let element = self.find(css).await;
            element.click().await.ok()
        })
        .await;
    }

    /// Clicks and waits for the page that this leads to.
    pub async fn follow(&self, css: &str, path: &str) {
        self.click(css).await;
        self.arrive(path).await;
    }

    /// Waits until the browser is at a path that begins like this.
    pub async fn arrive(&self, path: &str) {
        eventually(&format!("arriving at {path}"), async || {
            let at = self.path().await;
            at.starts_with(path).then_some(())
        })
        .await;
    }

    /// Puts a text into a field, in place of what it holds.
    pub async fn fill(&self, css: &str, text: &str) {
        let field = self.find(css).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Types wherever the focus is.
    pub async fn type_keys(&self, keys: &str) {
        self.driver.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    /// Waits until what fits has this text in it, and gives the whole.
    pub async fn sees(&self, css: &str, text: &str) -> String {
        let seen = within_patience(async || {
            for element in self.driver.find_all(Locator::Css(css)).await.ok()? {
                let shown = element.text().await.unwrap_or_default();
                if shown.contains(text) {
                    return Some(shown);
                }
            }
            None
        });
        match seen.await {
            Some(shown) => shown,
            None => panic!("no {text:?} in {css}; {}", self.state().await),
        }
    }

    /// Waits until this is announced to visitors who do not see the page.
    pub async fn hears(&self, text: &str) {
        eventually(&format!("{text:?} to be announced"), async || {
            let said = self.run("return document.querySelector('#announce').textContent").await;
            said.as_str()?.contains(text).then_some(())
        })
        .await;
    }

    /// Waits until nothing fits that is shown.
    pub async fn loses(&self, css: &str) {
        eventually(&format!("{css} to go away"), async || {
            for element in self.driver.find_all(Locator::Css(css)).await.ok()? {
                if element.is_displayed().await.unwrap_or(false) {
                    return None;
                }
            }
            Some(())
        })
        .await;
    }

    /// Whether something fits right now.
    pub async fn has(&self, css: &str) -> bool {
        !self.driver.find_all(Locator::Css(css)).await.unwrap().is_empty()
    }

    /// Runs a script's body and gives what it returns.
    pub async fn run(&self, script: &str) -> Value {
        self.driver.execute(script, vec![]).await.unwrap()
    }

    /// Logs in by the form.
    pub async fn log_in(&self, member: &Member) {
        self.go("/login?next=/account").await;
        self.fill("[name=email]", &member.email).await;
        self.fill("[name=password]", Member::PASSWORD).await;
        self.follow("main form .btn", "/account").await;
    }

    /// Asks for a `DevTools` command.
    pub async fn devtools(&self, command: &str, parameters: &Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.ask("goog/cdp/execute", &body).await
    }

    /// What the console holds since it was last asked: errors of scripts, refused loads, violations of
    /// the content security policy. A page that answers 4xx leaves a line there as well, which is left
    /// out: a test that is about such a page knows. What a page loads or asks of the API is not.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.ask("se/log", &json!({ "type": "browser" })).await;
        let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
        let lines = log.as_array().cloned().unwrap_or_default();
        lines
            .iter()
            .filter(|line| matches!(&*text(line, "level"), "SEVERE" | "WARNING"))
            .map(|line| text(line, "message"))
            .filter(|message| !self.is_page_with_4xx(message))
            .collect()
    }

    fn is_page_with_4xx(&self, message: &str) -> bool {
        let path = message.strip_prefix(&self.base).unwrap_or("/api/");
        message.contains("the server responded with a status of 4")
            && !path.starts_with("/api/")
            && !path.starts_with("/assets/")
    }

    /// What axe-core finds wrong with the page, by the rules of WCAG 2.2 AA and its own good practice:
    /// a line for each.
    ///
    /// # Panics
    /// When axe-core is not installed.
    pub async fn barriers(&self) -> Vec<String> {
        let path = root().join(".tools/node_modules/axe-core/axe.min.js");
        let axe = fs::read_to_string(&path)
            .unwrap_or_else(|_| panic!("no axe-core at {}: {INSTALL}", path.display()));
        self.driver.execute(&axe, vec![]).await.unwrap();
        let script = "const done = arguments[0];
            axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
               .then((found) => done(found.violations.flatMap((rule) => rule.nodes.map(
                   (node) => `${rule.id}: ${node.html} ${node.failureSummary}`))), (error) => done([String(error)]));";
        let found = self.driver.execute_async(script, vec![]).await.unwrap();
        let lines = found.as_array().cloned().unwrap_or_default();
        lines.iter().map(|line| line.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// A picture of what is in the viewport: `png`, `webp` or `jpeg`.
    pub async fn picture(&self, format: &str) -> Vec<u8> {
        let mut parameters = json!({ "format": format });
        if format != "png" {
            parameters["quality"] = json!(85);
        }
        let taken = self.devtools("Page.captureScreenshot", &parameters).await;
        BASE64_STANDARD.decode(taken["data"].as_str().unwrap_or_default()).unwrap()
    }

    /// A picture of the whole page, also of what is below the viewport, as PNG.
    pub async fn whole_picture(&self) -> Vec<u8> {
        let metrics = self.devtools("Page.getLayoutMetrics", &json!({})).await;
        let size = &metrics["cssContentSize"];
        let clip =
            json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        let parameters = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let taken = self.devtools("Page.captureScreenshot", &parameters).await;
        BASE64_STANDARD.decode(taken["data"].as_str().unwrap_or_default()).unwrap()
    }

    async fn ask(&self, what: &str, body: &Value) -> Value {
        let path = format!("/session/{}/{what}", self.session);
        let answer = self.raw.raw("POST".parse().unwrap(), &path, Some(body)).await.unwrap();
        let is_good = answer.status.is_success();
        let answer: Value = answer.json().unwrap();
        assert!(is_good, "{what}: {answer}");
        answer["value"].clone()
    }
}

impl Drop for Browser {
    /// Ends the session, and with it Chromium, which would outlive its driver. A test that has failed is
    /// past waiting for a future, so this speaks HTTP by hand.
    fn drop(&mut self) {
        let request = format!(
            "DELETE /session/{} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.session, self.address
        );
        if let Ok(mut driver) = TcpStream::connect(&self.address)
            && driver.set_read_timeout(Some(PATIENCE)).is_ok()
            && driver.write_all(request.as_bytes()).is_ok()
        {
            // The first bytes of the answer come when Chromium is gone; the driver keeps the connection.
            let _answered = driver.read(&mut [0; 64]);
        }
    }
}

/// Starts a driver; the answer is where it listens.
async fn start_driver() -> (Child, String) {
    let mut process = Command::new("chromedriver")
        .arg("--port=0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("chromedriver does not start ({error}): {INSTALL}"));
    let mut lines = BufReader::new(process.stdout.take().expect("its output is piped")).lines();
    loop {
        let line = lines.next_line().await.unwrap().expect("chromedriver prints its port");
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            let port = port.trim_end_matches('.').to_owned();
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return (process, format!("http://127.0.0.1:{port}"));
        }
    }
}

fn capabilities(look: Look, profile: &TempDir) -> Value {
    let (width, height) = look.size;
    // --no-sandbox: as root, Chromium's own sandbox cannot be set up. The rest keeps it off the network.
    let mut args: Vec<String> = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
    ]
    .map(str::to_owned)
    .into();
    args.push(format!("--window-size={width},{height}"));
    args.push(format!("--user-data-dir={}", profile.path().display()));
    let mut options = json!({ "args": args });
    if look.phone {
        options["mobileEmulation"] = json!({ "deviceMetrics": { "width": width, "height": height, "pixelRatio": 2, "touch": true } });
    }
    if !look.scripts {
        options["prefs"] = json!({ "profile.managed_default_content_settings.javascript": 2 });
    }
    json!({
        "browserName": "chrome",
        "goog:chromeOptions": options,
        "goog:loggingPrefs": { "browser": "ALL" },
    })
}
