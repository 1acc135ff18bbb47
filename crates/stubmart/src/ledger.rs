//! `stubmart ledger`: the balances of the ledger, and its postings.

use std::collections::BTreeMap;

use stubmart_contract::Currency;
use stubmart_payments::ledger::{Account, LEDGER, Line, Transaction};
use stubmart_ports::{Cause, host::Host};

use crate::{config::Config, output, whole::Whole};

/// Prints the balance of every account, or the postings of one of them or, as CSV, of all.
///
/// # Errors
/// The cause: there is no market, or it cannot be read.
pub(crate) async fn print(
    config: &Config,
    host: &Host,
    account: Option<Account>,
    csv: bool,
) -> Result<(), Cause> {
    let mut ledger: Vec<Transaction> = Whole::of(config, host).await?.all(&LEDGER).await?;
    ledger.sort_by_key(|it| (it.posted_at, it.fact));
    let text = match account {
        None if !csv => balances(&ledger),
        account => postings(&ledger, account, if csv { ',' } else { '\t' }),
    };
    output::say(text.trim_end())
}

/// How an account is called in the list of balances: those of orders are one, and those of sellers one of each
/// kind.
fn heading(account: Account) -> String {
    match account {
        Account::OrderHeld(_) => "order:*:held".to_owned(),
        Account::SellerAvailable(_) => "seller:*:available".to_owned(),
        Account::SellerReserved(_) => "seller:*:reserved".to_owned(),
        Account::SellerReceivable(_) => "seller:*:receivable".to_owned(),
        account => account.to_string(),
    }
}

fn balances(ledger: &[Transaction]) -> String {
    let mut balances: BTreeMap<(Currency, String), i128> = BTreeMap::new();
    for transaction in ledger {
        for line in &transaction.lines {
            let key = (transaction.currency, heading(line.account));
            *balances.entry(key).or_default() += i128::from(line.amount);
        }
    }
    let mut text = String::new();
    let mut sums: BTreeMap<Currency, i128> = BTreeMap::new();
    for ((currency, account), balance) in &balances {
        *sums.entry(*currency).or_default() += balance;
        text.push_str(&format!("{account:<24}{balance:>16} {currency}\n"));
    }
    for (currency, sum) in sums {
        text.push_str(&format!("{:<24}{sum:>16} {currency}\n", "sum"));
    }
    if text.is_empty() { "nothing is posted yet".to_owned() } else { text }
}

fn postings(ledger: &[Transaction], of: Option<Account>, between: char) -> String {
    let columns = ["posted_at", "fact", "order", "account", "amount", "currency"];
    let mut text = columns.join(&between.to_string()) + "\n";
    for transaction in ledger {
        let lines = transaction.lines.iter().filter(|it| of.is_none_or(|of| of == it.account));
        for Line { account, amount } in lines {
            let Transaction { fact, order_id, currency, posted_at, .. } = transaction;
            let fields = [
                posted_at.to_string(),
                fact.to_string(),
                order_id.to_string(),
                account.to_string(),
                amount.to_string(),
                currency.to_string(),
            ];
            text.push_str(&fields.join(&between.to_string()));
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use stubmart_contract::{ChargeId, OrderId, Timestamp};
    use stubmart_payments::ledger::Fact;
    use uuid::Uuid;

    use super::*;

    fn sale(number: u128, currency: &str, held: i64, fees: i64) -> Transaction {
        let order_id = OrderId(Uuid::from_u128(number));
        let line = |account, amount| Line { account, amount };
        Transaction {
            fact: Fact::Captured(ChargeId(Uuid::from_u128(number))),
            order_id,
            seller_id: None,
            currency: currency.parse().unwrap(),
            lines: vec![
                line(Account::Psp, held + fees),
                line(Account::OrderHeld(order_id), -held),
                line(Account::FeesDeferred, -fees),
            ],
            posted_at: Timestamp::EPOCH,
        }
    }

    #[test]
    fn balances_are_by_currency_and_sum_to_zero() {
        let ledger = [sale(1, "usd", 900, 100), sale(2, "usd", 90, 10), sale(3, "eur", 5, 1)];
        let text = balances(&ledger);
        let rows: Vec<Vec<_>> = text.lines().map(|it| it.split_whitespace().collect()).collect();
        assert_eq!(rows.len(), 8, "{text}");
        for row in [
            ["psp:pending", "1100", "usd"],
            ["order:*:held", "-990", "usd"],
            ["fees:deferred", "-110", "usd"],
            ["sum", "0", "usd"],
            ["psp:pending", "6", "eur"],
            ["sum", "0", "eur"],
        ] {
            assert!(rows.iter().any(|it| it[..] == row), "{row:?} in {text}");
        }
    }

    #[test]
    fn postings_are_of_one_account_or_of_all() {
        let ledger = [sale(1, "usd", 900, 100), sale(2, "usd", 90, 10)];
        assert_eq!(postings(&ledger, None, ',').lines().count(), 7);
        let held = Account::OrderHeld(OrderId(Uuid::from_u128(2)));
        let text = postings(&ledger, Some(held), ',');
        assert_eq!(text.lines().count(), 2);
        assert!(text.contains(&format!(",{held},-90,usd")), "{text}");
    }
}
