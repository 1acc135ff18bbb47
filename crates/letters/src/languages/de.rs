//! German.

use crate::texts::{Text, Texts};

const NOT_YOU: &str = "Wenn Sie das nicht waren, legen Sie sofort ein neues Passwort fest und wenden Sie \
                       sich an die Betreiber dieses Marktplatzes.";

pub(crate) static TEXTS: Texts = Texts {
    hello: "Guten Tag {name},",
    hello_you: "Guten Tag,",
    or_open: "Oder öffnen Sie diese Adresse im Browser:",
    footer: "Sie erhalten diese E-Mail, weil Sie ein Konto bei Stubmart haben, {market}.",
    moment: "{day}. {month} {year}, {time} Uhr (UTC)",
    months: [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
    decimal: ",",
    section: "Block",
    row: "Reihe",
    seats: "Platz",
    do_transfer: "Übertragen Sie es dem Käufer in der App des Ausstellers. Die Adresse steht auf der Seite \
                  des Verkaufs.",
    do_link: "Geben Sie dem Käufer auf der Seite des Verkaufs den Link, der es öffnet.",
    do_paper: "Schicken Sie es dem Käufer und sagen Sie uns auf der Seite des Verkaufs, wie.",
    do_file: "Laden Sie die Datei auf der Seite des Verkaufs hoch. Haben Sie das schon getan, dann hat der Käufer \
              sie, und Sie sind fertig.",
    one_ticket: "ein Ticket",
    tickets: "{n} Tickets",
    stop: "Diesen Alarm beenden",
    verify_email: Text {
        subject: "Bitte bestätigen Sie Ihre E-Mail-Adresse",
        says: &[
            "bitte bestätigen Sie, dass diese Adresse Ihnen gehört. Der Link funktioniert einmal und \
             gilt 24 Stunden.",
            "Wenn Sie sich nicht damit angemeldet haben, brauchen Sie nichts zu tun. Möchten Sie das \
             Konto übernehmen, das Ihre Adresse verwendet, legen Sie dafür ein neues Passwort fest: \
             Dann gehört es Ihnen.",
        ],
        button: Some("Adresse bestätigen"),
    },
    reset_password: Text {
        subject: "Neues Passwort festlegen",
        says: &[
            "jemand, vermutlich Sie, möchte ein neues Passwort für Ihr Konto bei Stubmart. Der Link \
             funktioniert einmal und gilt 30 Minuten. Danach sind Sie überall abgemeldet.",
            "Wenn Sie das nicht waren, brauchen Sie nichts zu tun: Ihr Passwort bleibt, wie es ist.",
        ],
        button: Some("Neues Passwort festlegen"),
    },
    email_changed: Text {
        subject: "Die E-Mail-Adresse Ihres Kontos bei Stubmart wurde geändert",
        says: &[
            "die E-Mail-Adresse Ihres Kontos bei Stubmart wurde am {at} geändert. Ab jetzt gehen \
             E-Mails an die neue Adresse, und Sie melden sich mit ihr an.",
            "Wenn Sie das nicht waren, wenden Sie sich sofort an die Betreiber dieses Marktplatzes.",
        ],
        button: None,
    },
    password_changed: Text {
        subject: "Das Passwort Ihres Kontos bei Stubmart wurde geändert",
        says: &[
            "das Passwort Ihres Kontos bei Stubmart wurde am {at} geändert. Alle anderen Browser, die \
             angemeldet waren, sind abgemeldet.",
            NOT_YOU,
        ],
        button: None,
    },
    token_created: Text {
        subject: "Für Ihr Konto bei Stubmart wurde ein Zugriffstoken erstellt",
        says: &[
            "für Ihr Konto bei Stubmart wurde am {at} ein Zugriffstoken erstellt. Wer es besitzt, kann \
             in Ihrem Namen handeln, bis Sie es widerrufen.",
            NOT_YOU,
        ],
        button: None,
    },
    account_deleted: Text {
        subject: "Ihr Konto bei Stubmart wurde gelöscht",
        says: &[
            "Ihr Konto bei Stubmart wurde am {at} gelöscht. Ihre Angebote sind zurückgezogen, Ihre \
             offenen Bestellungen storniert und Ihre Daten gelöscht.",
            "Wenn Sie das nicht waren, wenden Sie sich sofort an die Betreiber dieses Marktplatzes.",
        ],
        button: None,
    },
    new_device: Text {
        subject: "Ein neues Gerät ist bei Ihrem Konto bei Stubmart angemeldet",
        says: &[
            "am {at} hat sich jemand von einem Gerät oder Ort aus, die bisher nicht bekannt waren, bei \
             Ihrem Konto angemeldet.",
            NOT_YOU,
        ],
        button: None,
    },
    second_factor_on: Text {
        subject: "Die Anmeldung in zwei Schritten ist für Ihr Konto bei Stubmart aktiv",
        says: &[
            "seit dem {at} verlangt die Anmeldung bei Stubmart einen Code aus Ihrer App. Bewahren Sie die \
             Wiederherstellungscodes sicher auf.",
            NOT_YOU,
        ],
        button: None,
    },
    second_factor_off: Text {
        subject: "Die Anmeldung in zwei Schritten ist für Ihr Konto bei Stubmart abgeschaltet",
        says: &[
            "seit dem {at} reicht das Passwort allein, um Ihr Konto bei Stubmart zu öffnen.",
            NOT_YOU,
        ],
        button: None,
    },
    order_completed: Text {
        subject: "Ihre Bestellung: {title}",
        says: &[
            "vielen Dank, Ihre Bestellung ist abgeschlossen: {ticket}.",
            "Sie haben insgesamt {sum} bezahlt. Bitte bewahren Sie diese E-Mail als Beleg auf.",
        ],
        button: Some("Bestellung ansehen"),
    },
    ticket_sold: Text {
        subject: "Verkauft: {title}",
        says: &[
            "Ihr Ticket ist verkauft: {ticket}.",
            "Sie haben dafür {sum} verlangt. Sie bekommen {net}.",
            "Zu tun bis {by}: {how}",
        ],
        button: Some("Ticket übergeben"),
    },
    deliver_soon: Text {
        subject: "Ihr Käufer wartet auf: {title}",
        says: &[
            "Sie haben {ticket} verkauft, und der Käufer hat es noch nicht.",
            "Zu tun bis {by}: {how}",
            "Danach gilt das Ticket als verspätet, und der Käufer kann sein Geld zurücknehmen.",
        ],
        button: Some("Ticket übergeben"),
    },
    deliver_late: Text {
        subject: "Sie sind zu spät: {title}",
        says: &[
            "Sie haben {ticket} verkauft, und die Zeit für die Übergabe ist um.",
            "Übergeben Sie es jetzt. Bis dahin kann der Käufer sein Geld zurücknehmen, und Sie bekommen nichts.",
        ],
        button: Some("Ticket übergeben"),
    },
    delivery_late: Text {
        subject: "Ihr Ticket ist verspätet: {title}",
        says: &[
            "der Verkäufer hat Ihr Ticket nicht rechtzeitig übergeben: {ticket}.",
            "Sie entscheiden: warten oder das ganze Geld zurücknehmen. Zurücknehmen können Sie es, solange \
             das Ticket nicht da ist. Kommt es nie, bekommen Sie Ihr Geld von selbst zurück.",
        ],
        button: Some("Warten oder Geld zurück"),
    },
    ticket_sent: Text {
        subject: "Ihr Ticket ist da: {title}",
        says: &[
            "der Verkäufer hat Ihr Ticket übergeben: {ticket}.",
            "Bitte sehen Sie nach, ob es angekommen ist und dem entspricht, was Sie gekauft haben. Auf der \
             Seite Ihrer Bestellung steht, wie.",
        ],
        button: Some("Ticket ansehen"),
    },
    sale_cancelled: Text {
        subject: "Ihr Verkauf wurde storniert: {title}",
        says: &[
            "der Käufer von {ticket} hat sein Geld zurückbekommen. Sie bekommen für diesen Verkauf nichts.",
            "Bitte übergeben Sie das Ticket nicht mehr.",
        ],
        button: None,
    },
    claim_opened: Text {
        subject: "Ihr Käufer reklamiert: Bestellung {order}",
        says: &[
            "der Käufer der Bestellung {order} sagt, dass mit dem Ticket etwas nicht stimmte. Bis das \
             entschieden ist, halten wir Ihr Geld zurück.",
            "Schildern Sie uns Ihre Sicht bis {by}. Ohne Antwort bekommt der Käufer sein Geld zurück.",
        ],
        button: Some("Lesen und antworten"),
    },
    claim_refunded: Text {
        subject: "Entschieden: Bestellung {order} wird erstattet",
        says: &[
            "wir haben die Reklamation zur Bestellung {order} geprüft und für den Käufer entschieden.",
            "Der Käufer bekommt das ganze Geld zurück.",
        ],
        button: None,
    },
    claim_rejected: Text {
        subject: "Entschieden: Bestellung {order} bleibt bestehen",
        says: &[
            "wir haben die Reklamation zur Bestellung {order} geprüft und für den Verkäufer entschieden.",
            "Der Verkauf bleibt bestehen, und der Verkäufer wird bezahlt.",
        ],
        button: None,
    },
    payment_failed: Text {
        subject: "Ihre Zahlung ist fehlgeschlagen",
        says: &[
            "Ihre Zahlung über {sum} ist fehlgeschlagen, die Bestellung wurde beendet. Ihnen wurde nichts \
             berechnet.",
            "Das Ticket steht wieder zum Verkauf: Sie können es noch einmal versuchen, solange es da ist.",
        ],
        button: None,
    },
    payment_refunded: Text {
        subject: "Sie haben Ihr Geld zurückbekommen",
        says: &[
            "wir haben Ihnen {sum} auf die Karte erstattet, mit der Sie bezahlt haben. Bis die Bank das \
             anzeigt, können bis zu zehn Tage vergehen.",
        ],
        button: None,
    },
    webhook_disabled: Text {
        subject: "Ihr Webhook ist abgeschaltet",
        says: &[
            "drei Tage lang kam nichts von dem an, was wir an {url} gesendet haben. Deshalb haben wir diesen \
             Webhook abgeschaltet.",
            "Sobald Ihr Empfänger wieder funktioniert, schalten Sie den Webhook ein und lassen Sie die Ereignisse \
             der letzten Tage noch einmal senden. Wir bewahren sie 30 Tage lang auf.",
        ],
        button: Some("Meine Webhooks ansehen"),
    },
    your_turn: Text {
        subject: "Sie sind dran: {title}",
        says: &[
            "das Ticket, für das Sie anstehen, ist frei: {ticket}.",
            "Drei Minuten lang kann es niemand sonst kaufen: bis {until}. Danach ist der Nächste dran.",
        ],
        button: Some("Ticket kaufen"),
    },
    alert_matched: Text {
        subject: "Tickets für {event}",
        says: &[
            "Sie wollten Bescheid wissen: Für {event} gibt es jetzt {count}.",
            "{ticket}. Preis pro Ticket: {sum}, alle Gebühren inbegriffen.",
            "Es ist nicht für Sie reserviert: Wer zuerst zur Kasse geht, bekommt den Zuschlag.",
        ],
        button: Some("Angebot ansehen"),
    },
};
