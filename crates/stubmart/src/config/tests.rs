use std::io::Write as _;

use super::*;
use crate::settings::address;

fn resolve(given: &[(&str, &str)]) -> Result<Config, ConfigFaults> {
    let given = given.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    Config::resolve(given.collect())
}

#[test]
fn flags_win_over_the_file_and_the_file_over_defaults() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "listen = \"127.0.0.1:1\"\ncheckout_hold = \"2m\"").unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    let config = resolve(&[("config", &path), ("listen", "127.0.0.1:2")]).unwrap();
    assert_eq!(config.listen.port(), 2);
    assert_eq!(config.checkout_hold, Duration::from_secs(120));
    assert_eq!(config.leave_grace, Duration::from_secs(20));
}

#[test]
fn every_fault_is_reported_at_once_with_flag_and_variable() {
    let wrong = [
        ("config", "/nowhere/stubmart.toml"),
        ("listen", "here"),
        ("checkout-hold", "soon"),
        ("max-payment-attempts", "0"),
        ("rate-limits", "maybe"),
        ("public-url", "tickets.example/path"),
        ("stripe-secret-key", "hidden-key"),
        ("stripe-webhook-secret", "hidden-hook"),
        ("only", "auth,cashier"),
    ];
    let faults = resolve(&wrong).unwrap_err().0;
    for (name, _) in wrong {
        assert!(
            faults.iter().any(|fault| fault.starts_with(&format!("--{name} (STUBMART_"))),
            "{name}: {faults:?}"
        );
    }
    let repeated = |it: &String| it.contains("hidden-");
    assert!(!faults.iter().any(repeated), "a secret is not repeated");
}

/// What a settings file with this content leads to, and the file's path.
fn with_file(content: &str) -> (Result<Config, ConfigFaults>, String) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content.as_bytes()).unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    (resolve(&[("config", &path)]), path)
}

#[test]
fn a_file_says_things_as_toml_does() {
    let (config, _) = with_file(
        "rate_limits = false\ntrust_proxy = true\nmax_payment_attempts = 3\ncheckout_hold = 90\n\
         only = [\"auth\", \"tickets\", \"catalogue\", \"orders\", \"expiration\", \"payments\", \"delivery\", \
         \"notify\", \"web\"]\n",
    );
    let config = config.unwrap();
    assert!(!config.limits.are_on && config.trust_proxy);
    assert_eq!(config.max_payment_attempts, 3);
    assert_eq!(config.checkout_hold, Duration::from_secs(90));
}

#[test]
fn a_fault_in_the_file_names_the_file() {
    let (config, path) = with_file(
        "listn = \"127.0.0.1:1\"\ncheckout_hold = \"soon\"\nmongodb_url = \"postgres://x\"\n\
         log = 1.5\nconfig = \"other.toml\"\n",
    );
    let faults = config.unwrap_err().0;
    for key in ["listn", "checkout_hold", "mongodb_url", "log", "config"] {
        let of_it = format!("{path}: {key}: ");
        assert!(faults.iter().any(|fault| fault.starts_with(&of_it)), "{key}: {faults:?}");
    }
    assert_eq!(faults.len(), 5, "{faults:?}");
}

#[test]
fn fees_have_exceptions_in_the_file() {
    let (config, _) = with_file(
        "buyer_fee_bps = 1000\nseller_fee_bps = 500\nfee_tax_bps = 1900\n\
         [[fees]]\ncurrency = \"eur\"\nbuyer = { bps = 800, fixed = 50, min = 100, max = 5000 }\n\
         [[fees]]\ncategory = \"Opera\"\nseller = {}\n",
    );
    let fees = config.unwrap().fees;
    let euro = Fee { bps: 800, fixed: 50, min: 100, max: Some(5000) };
    assert_eq!((fees.buyer, fees.seller, fees.tax_bps), (Fee::share(1000), Fee::share(500), 1900));
    assert_eq!(fees.rules.iter().map(|it| it.buyer).collect::<Vec<_>>(), [Some(euro), None]);
    assert_eq!(fees.rules[1].seller, Some(Fee::default()));
}

#[test]
fn fees_that_cannot_be_meant_are_a_fault_of_the_file() {
    for wrong in [
        "fees = 5",
        "[[fees]]\ncategory = 5",
        "[[fees]]\nevents = \"x\"",
        "[[fees]]\nbuyer = { fixed = 50 }",
        "[[fees]]\nbuyer = { bps = 10001 }",
        "[[fees]]\n[[fees]]",
    ] {
        let (config, path) = with_file(wrong);
        let faults = config.unwrap_err().0;
        let is_of_it = |it: &String| it.starts_with(&format!("{path}: fees: "));
        assert!(faults.len() == 1 && faults.iter().all(is_of_it), "{wrong}: {faults:?}");
    }
    assert!(resolve(&[("buyer-fee-bps", "10001")]).is_err());
}

#[test]
fn stripes_keys_go_together_or_are_refused() {
    let key = ("stripe-secret-key", "sk_test_1");
    let plain = ("stripe-api-base", "http://127.0.0.1:12111");
    let stripe = resolve(&[key, plain]).unwrap().stripe;
    assert!(stripe.adapter.unwrap().api_base.is_plain() && stripe.publishable_key.is_none());
    assert_eq!(resolve(&[]).unwrap().stripe.adapter, None, "the sandbox");
    for (given, of) in [
        (&[("stripe-webhook-secret", "whsec_1")][..], "--stripe-webhook-secret"),
        (&[plain], "--stripe-api-base"),
        (&[("stripe-publishable-key", "pk_test_1")], "--stripe-publishable-key"),
        (&[("stripe-secret-key", "sk_live_1"), plain], "--stripe-secret-key"),
        (&[("stripe-secret-key", "sk_live_1")], "--stripe-secret-key"),
        (&[key, ("stripe-publishable-key", "pk_live_1")], "--stripe-secret-key"),
        (&[key, ("stripe-api-base", "http://api.example")], "--stripe-api-base"),
    ] {
        let faults = resolve(given).unwrap_err().0;
        assert!(faults.len() == 1 && faults[0].starts_with(of), "{given:?}: {faults:?}");
    }
}

#[test]
fn what_is_empty_is_unset() {
    let names = ["config", "data", "listen", "public-url", "stripe-secret-key"];
    let config = resolve(&names.map(|name| (name, ""))).unwrap();
    assert_eq!((config.data, config.public_url), (PathBuf::from("data"), None));
}

#[test]
fn an_address_may_be_a_name() {
    assert!(address("localhost:8080").is_ok_and(|it| it.ip().is_loopback()));
    assert_eq!(address("[::1]:80").map(|it| it.port()), Ok(80));
    for wrong in ["localhost", "here", ":", "127.0.0.1:99999", "8080"] {
        assert!(address(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_public_url_is_what_a_browser_calls_its_origin() {
    let is = |text: &str| origin(text).unwrap();
    assert_eq!(is("HTTPS://Tickets.Example:443/"), "https://tickets.example");
    assert_eq!(is("http://localhost:8080"), "http://localhost:8080");
    assert_eq!(is("http://[::1]:8080"), "http://[::1]:8080");
    for wrong in ["tickets.example", "ftp://x", "https://x/path", "https://x?q", "https://me@x"] {
        assert!(origin(wrong).is_err(), "{wrong}");
    }
    let name = |url| resolve(&[("public-url", url)]).unwrap().host_name().to_owned();
    assert_eq!(name("https://tickets.example:8443"), "tickets.example");
    assert_eq!(name("http://[::1]:8080"), "localhost", "an IPv6 address is no name");
}

#[test]
fn a_bare_number_is_seconds() {
    let limits = (Duration::ZERO, Duration::from_secs(3600));
    assert_eq!(duration("90", limits.0, limits.1), Ok(Duration::from_secs(90)));
    assert_eq!(duration("1m 30s", limits.0, limits.1), Ok(Duration::from_secs(90)));
    assert!(duration("3601", limits.0, limits.1).is_err());
}

#[test]
fn the_servers_go_together() {
    let mongodb = ("mongodb-url", "mongodb://db-{service}.internal");
    let (nats, redis) = (("nats-url", "nats://bus.internal"), ("redis-url", "redis://:pw@cache"));
    let servers = resolve(&[mongodb, nats, redis]).unwrap().servers.unwrap();
    assert_eq!(servers.mongodb, mongodb.1);
    assert!(!format!("{servers:?}").contains("pw"), "a password is not shown");
    assert_eq!(resolve(&[]).unwrap().servers, None);
    for given in [vec![mongodb], vec![nats], vec![redis], vec![mongodb, redis]] {
        let faults = resolve(&given).unwrap_err().0;
        assert_eq!(faults.len(), 3 - given.len(), "{faults:?}");
    }
}

const SERVERS: [(&str, &str); 3] = [
    ("mongodb-url", "mongodb://db.internal"),
    ("nats-url", "nats://bus.internal"),
    ("redis-url", "redis://cache.internal"),
];
const SECRET: (&str, &str) = ("internal-secret", "0123456789abcdef0123456789abcdef");

/// The settings that these, beside servers, are refused for; none where they can work.
fn refused(given: &[(&str, &str)]) -> Vec<String> {
    let faults = match resolve(&[&SERVERS[..], given].concat()) {
        Ok(_) => return Vec::new(),
        Err(faults) => faults.0,
    };
    let name = |fault: &String| fault.split([' ', ':']).next().unwrap_or_default().to_owned();
    faults.iter().map(name).collect()
}

#[test]
fn a_part_of_the_market_says_what_it_lacks() {
    let auth = ("auth-url", "http://auth:8081");
    let payments = ("payments-url", "http://payments:8081");
    let tickets = ("tickets-url", "http://tickets-0:8081,http://tickets-1:8081");
    let inside = ("internal-listen", "127.0.0.1:8081");
    let only = |services: &'static str| ("only", services);
    for (given, lacks) in [
        (&[only("orders"), auth, tickets, inside, SECRET][..], &[][..]),
        (
            &[only("orders")],
            &["--auth-url", "--tickets-url", "--internal-listen", "--internal-secret"],
        ),
        (
            &[only("payments"), auth, SECRET],
            &["--catalogue-url", "--orders-url", "--internal-listen"],
        ),
        (&[only("auth"), inside, SECRET], &["--payments-url"]),
        (&[only("auth"), inside, payments], &["--internal-secret"]),
        (&[only("auth"), inside, payments, ("internal-secret", "short")], &["--internal-secret"]),
        (
            &[only("auth"), payments, ("internal-listen", "127.0.0.1:8080"), SECRET],
            &["--internal-listen"],
        ),
        (&[only("web")], &["--api-url"]),
        (&[only("web"), ("api-url", "http://gateway:8080")], &[]),
        (&[only("auth,tickets,catalogue,orders,expiration,payments,delivery,notify")], &[]),
        (&[only("all")], &[]),
        (&[only(",")], &["--only"]),
        (&[only("gateway,web")], &["--only"]),
        (
            &[only("gateway"), ("tickets-api-url", "http://tickets:8080")],
            &[
                "--auth-api-url",
                "--catalogue-api-url",
                "--orders-api-url",
                "--payments-api-url",
                "--delivery-api-url",
                "--notify-api-url",
            ],
        ),
    ] {
        assert_eq!(refused(given), lacks, "{given:?}");
    }
    let in_a_file = resolve(&[only("auth"), inside, payments, SECRET]).unwrap_err().0;
    assert!(in_a_file.len() == 1 && in_a_file[0].starts_with("--only"), "{in_a_file:?}");
    let all_services = only("auth,tickets,catalogue,orders,expiration,payments,delivery,notify");
    assert!(resolve(&[all_services]).unwrap().is_in_file(), "no pages, and that works");
}

/// Instances of delivery that do not share files and keys would each know other tickets.
#[test]
fn delivery_on_servers_is_told_where_ticket_files_are() {
    let servers =
        [("mongodb-url", "mongodb://a"), ("nats-url", "nats://a"), ("redis-url", "redis://a")];
    let lacks = |more: &[(&str, &str)]| {
        resolve(&[&servers[..], more].concat()).unwrap().lacks_ticket_files()
    };
    assert!(lacks(&[]), "then it takes none");
    let one = [&servers[..], &[("files-dir", "/files")]].concat();
    assert_eq!(refused(&one), ["--keys-file"]);
    assert!(!lacks(&[("files-dir", "/files"), ("keys-file", "/keys.json")]));
    assert!(!resolve(&[]).unwrap().lacks_ticket_files(), "a market in a file has its own");
}

#[test]
fn the_secret_of_the_services_may_be_in_a_file() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "{}", SECRET.1).unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    let given = [
        ("only", "auth"),
        ("internal-listen", "127.0.0.1:8081"),
        ("payments-url", "http://payments:8081"),
    ];
    let with = |more: &[(&str, &str)]| refused(&[&given[..], more].concat());
    let in_file = ("internal-secret-file", path.as_str());
    assert!(with(&[in_file]).is_empty());
    assert_eq!(with(&[in_file, SECRET]), ["--internal-secret-file"], "which of the two?");
    assert_eq!(with(&[("internal-secret-file", "/nowhere")]), ["--internal-secret-file"]);
}

/// The pages know the key for browsers, without the secret one, which is for payments alone.
#[test]
fn the_pages_alone_take_the_publishable_key_alone() {
    let key = ("stripe-publishable-key", "pk_test_1");
    let given = [("only", "web"), ("api-url", "http://gateway:8080"), key];
    assert_eq!(resolve(&given).unwrap().stripe.publishable_key.as_deref(), Some("pk_test_1"));
}
