//! The user: one document, and the rules of its changes.
//!
//! Everything personal is in [`Account`] and in notices that are still to be sent, so that the one save
//! that deletes the account erases it. A tombstone is left with the id, which is never given to
//! another user.

mod account;
mod command;
mod factor;

use serde::{Deserialize, Serialize};
use stubmart_contract::{
    DomainEvent, Email, Language, Role, Timestamp, UserId, api,
    event::{UserRole, UserState},
};
use stubmart_kernel::{
    Aggregate, Decision,
    aggregate::{Collection, Index, Key},
};
use uuid::Uuid;

use crate::{
    link::{self, Link, Purpose},
    notice::{Later, Notice, NoticeKind},
    second_factor::SecondFactor,
    token_hash::TokenHash,
};

pub(crate) use self::account::Account;
pub(crate) use self::command::{Command, Refusal, SignUp, Update};

/// The users.
pub static USERS: Collection = Collection {
    name: "auth.user",
    indexes: &[Index { name: EMAIL, unique: true }, Index { name: NOTICES, unique: false }],
};

/// The index of accounts by their address.
pub(crate) const EMAIL: &str = "email";

/// The index of users by when their next notice is due.
pub(crate) const NOTICES: &str = "notices";

/// How many devices of an account are known.
const DEVICES_MAX: usize = 20;

/// A user.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct User {
    pub(crate) id: UserId,
    pub(crate) created_at: Timestamp,
    /// `None` once it is deleted.
    pub(crate) account: Option<Account>,
    /// Mails that are still to be sent.
    pub(crate) notices: Vec<Notice>,
    /// The language of its mails.
    #[serde(default)]
    pub(crate) language: Language,
    /// What logging in asks for beside the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) second_factor: Option<SecondFactor>,
    /// The devices that it was logged in from, the last ones, as hashes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) devices: Vec<TokenHash>,
    /// Links that were mailed to the account's address and not used yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) links: Vec<Link>,
}

/// The key of an address, folded, in its index.
pub(crate) fn email_key(folded: &str) -> Key {
    Key::new().text(folded)
}

type Decided = Result<Decision<User>, Refusal>;

impl Aggregate for User {
    type Id = UserId;
    type Command = Command;
    type Refusal = Refusal;

    fn id(&self) -> UserId {
        self.id
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        let email =
            self.account.as_ref().map(|account| (EMAIL, email_key(&account.email.folded())));
        let notices = self.next_notice().map(|due| (NOTICES, Key::new().time(due)));
        email.into_iter().chain(notices).collect()
    }

    fn decide(current: Option<&Self>, command: &Command, now: Timestamp) -> Decided {
        match (current, command) {
            (None, Command::SignUp(sign_up)) => Ok(Self::signed_up(sign_up, now)),
            (Some(_), Command::SignUp(_)) => Err(Refusal::Exists),
            (None, _) => Err(Refusal::Gone),
            (Some(user), Command::Update(update)) => user.updated(update, now),
            (Some(user), Command::Delete { proof, notice_id }) => {
                user.deleted(proof, *notice_id, now)
            }
            (Some(user), Command::AskVerification { notice_id }) => match &user.account {
                Some(account) if account.email_verified => Ok(Decision::Unchanged),
                _ => user.told(*notice_id, NoticeKind::VerifyEmail, now),
            },
            (Some(user), Command::AskReset { notice_id }) => {
                user.told(*notice_id, NoticeKind::ResetPassword, now)
            }
            (Some(user), Command::AddLink { purpose, to, token }) => {
                user.linked(*purpose, to, token, now)
            }
            (Some(user), Command::VerifyEmail { link }) => user.verified(link, now),
            (Some(user), Command::ResetPassword { link, password_hash, notice_id }) => {
                user.recovered(link, password_hash, *notice_id, now)
            }
            (Some(user), Command::Grant { role }) => user.with_role(*role),
            (Some(user), Command::BeginSecondFactor { proof, secret }) => {
                user.with_factor_begun(proof, secret)
            }
            (Some(user), Command::ConfirmSecondFactor { proof, code, recovery, notice_id }) => {
                user.with_factor_on(proof, code, recovery, *notice_id, now)
            }
            (Some(user), Command::RemoveSecondFactor { proof, code, notice_id }) => {
                user.without_factor(proof, code.as_deref(), *notice_id, now)
            }
            (Some(user), Command::UseCode { code, login }) => {
                user.with_code_used(code, *login, now)
            }
            (Some(user), Command::SeeDevice { device, notice_id }) => {
                user.seen_from(device, *notice_id, now)
            }
            (Some(user), Command::ReportToken { notice_id }) => {
                user.told(*notice_id, NoticeKind::TokenCreated, now)
            }
            (Some(user), Command::ClaimNotices { until }) => Ok(user.claimed(*until, now)),
            (Some(user), Command::SettleNotices { done, later }) => Ok(user.settled(done, later)),
        }
    }
}

impl User {
    fn signed_up(sign_up: &SignUp, now: Timestamp) -> Decision<Self> {
        let SignUp { id, email, name, password_hash, language, device, notice_id } =
            sign_up.clone();
        let notice = |id| Notice::new(id, NoticeKind::VerifyEmail, email.clone(), now);
        let notices = notice_id.map(notice).into_iter().collect();
        let account = Account {
            email,
            email_verified: notice_id.is_none(),
            role: Role::User,
            name,
            is_name_shown: true,
            password_hash,
            password_number: 1,
            kept_session: None,
            recoveries: 0,
        };
        let account = Some(account);
        let user = Self {
            id,
            created_at: now,
            account,
            notices,
            language,
            second_factor: None,
            devices: device.into_iter().collect(),
            links: Vec::new(),
        };
        Decision::changed(user, DomainEvent::UserCreated(UserState { id }))
    }

    fn updated(&self, update: &Update, now: Timestamp) -> Decided {
        let before = self.account.as_ref().ok_or(Refusal::Gone)?;
        if update.password_hash.as_ref() == Some(&before.password_hash) {
            // A hash is salted, so it was this very update that wrote it.
            return Ok(Decision::Unchanged);
        }
        if before.password_hash != update.proof {
            return Err(Refusal::StaleProof);
        }
        let mut account = before.clone();
        let (mut notices, mut links) = (self.notices.clone(), self.links.clone());
        let [email_notice, password_notice, verify_notice] = update.notice_ids;
        // Both notices go to the address before the change: a thief of an account changes that too.
        let to = before.email.clone();
        if let Some(email) = update.email.as_ref().filter(|email| **email != before.email) {
            account.email = email.clone();
            let kind = NoticeKind::EmailChanged;
            add(&mut notices, Notice::new(email_notice, kind, to.clone(), now));
            if email.folded() != before.email.folded() {
                account.email_verified = false;
                links.clear();
                notices.retain(|notice| notice.kind.link().is_none());
                let kind = NoticeKind::VerifyEmail;
                add(&mut notices, Notice::new(verify_notice, kind, email.clone(), now));
            }
        }
        if let Some(name) = &update.name {
            account.name.clone_from(name);
            account.is_name_shown = true;
        }
        if let Some(password_hash) = &update.password_hash {
            account.password_hash.clone_from(password_hash);
            account.password_number = before.password_number.saturating_add(1);
            account.kept_session = Some(update.session);
            links.retain(|link| link.purpose != Purpose::ResetPassword);
            let kind = NoticeKind::PasswordChanged;
            add(&mut notices, Notice::new(password_notice, kind, to, now));
        }
        if account == *before {
            return Ok(Decision::Unchanged);
        }
        Ok(self.with_account(account, notices, links))
    }

    /// The user with this account, which other services learn of.
    fn with_account(
        &self,
        account: Account,
        notices: Vec<Notice>,
        links: Vec<Link>,
    ) -> Decision<Self> {
        let user = Self { account: Some(account), notices, links, ..self.clone() };
        Decision::changed(user, DomainEvent::UserUpdated(UserState { id: self.id }))
    }

    /// Whether the account has a link with this token that works.
    pub(crate) fn has_link(&self, purpose: Purpose, token: &TokenHash, now: Timestamp) -> bool {
        link::opens(&self.links, purpose, token, now)
    }

    fn with_role(&self, role: Role) -> Decided {
        let account = self.account.as_ref().ok_or(Refusal::Gone)?;
        if account.role == role {
            return Ok(Decision::Unchanged);
        }
        let account = Some(Account { role, ..account.clone() });
        let user = Self { account, ..self.clone() };
        let event = DomainEvent::UserRoleChanged(UserRole { id: self.id, role });
        Ok(Decision::changed(user, event))
    }

    fn linked(&self, purpose: Purpose, to: &Email, token: &TokenHash, now: Timestamp) -> Decided {
        let account = self.account.as_ref().ok_or(Refusal::Gone)?;
        // A link says something about the address that it was mailed to, and about no other.
        if account.email.folded() != to.folded() {
            return Err(Refusal::NoSuchLink);
        }
        if self.has_link(purpose, token, now) {
            return Ok(Decision::Unchanged);
        }
        let links = link::with(&self.links, &Link::new(purpose, token.clone(), now), now);
        Ok(Decision::silent(Self { links, ..self.clone() }))
    }

    fn verified(&self, link: &TokenHash, now: Timestamp) -> Decided {
        let account = self.account.as_ref().ok_or(Refusal::Gone)?;
        if account.email_verified {
            return Ok(Decision::Unchanged);
        }
        if !self.has_link(Purpose::VerifyEmail, link, now) {
            return Err(Refusal::NoSuchLink);
        }
        let account = Account { email_verified: true, ..account.clone() };
        let mut links = self.links.clone();
        links.retain(|link| link.purpose != Purpose::VerifyEmail);
        Ok(self.with_account(account, without_verification(&self.notices), links))
    }

    fn recovered(
        &self,
        link: &TokenHash,
        password_hash: &str,
        notice_id: Uuid,
        now: Timestamp,
    ) -> Decided {
        let before = self.account.as_ref().ok_or(Refusal::Gone)?;
        if before.password_hash == password_hash {
            // A hash is salted, so it was this very recovery that wrote it.
            return Ok(Decision::Unchanged);
        }
        if !self.has_link(Purpose::ResetPassword, link, now) {
            return Err(Refusal::NoSuchLink);
        }
        let account = Account {
            email_verified: true,
            password_hash: password_hash.to_owned(),
            password_number: before.password_number.saturating_add(1),
            kept_session: None,
            recoveries: before.recoveries.saturating_add(1),
            ..before.clone()
        };
        let mut notices = without_verification(&self.notices);
        let kind = NoticeKind::PasswordChanged;
        add(&mut notices, Notice::new(notice_id, kind, account.email.clone(), now));
        // Whoever signed up with somebody else's address must not lock its owner out.
        let second_factor = self.second_factor.clone().filter(|_| before.email_verified);
        let user = Self { second_factor, ..self.clone() };
        Ok(user.with_account(account, notices, Vec::new()))
    }

    fn deleted(&self, proof: &str, notice_id: Uuid, now: Timestamp) -> Decided {
        let Some(account) = &self.account else { return Ok(Decision::Unchanged) };
        if account.password_hash != proof {
            return Err(Refusal::StaleProof);
        }
        let mut notices = self.notices.clone();
        notices.retain(|notice| notice.kind.link().is_none());
        let kind = NoticeKind::AccountDeleted;
        add(&mut notices, Notice::new(notice_id, kind, account.email.clone(), now));
        let user = Self {
            account: None,
            notices,
            second_factor: None,
            devices: Vec::new(),
            links: Vec::new(),
            ..self.clone()
        };
        Ok(Decision::changed(user, DomainEvent::UserDeleted(UserState { id: self.id })))
    }

    /// A notice of this kind to the present address.
    fn told(&self, notice_id: Uuid, kind: NoticeKind, now: Timestamp) -> Decided {
        let account = self.account.as_ref().ok_or(Refusal::Gone)?;
        let mut notices = self.notices.clone();
        if notices.iter().all(|notice| notice.id != notice_id) {
            add(&mut notices, Notice::new(notice_id, kind, account.email.clone(), now));
        }
        Ok(self.with_notices(notices))
    }

    fn seen_from(&self, device: &TokenHash, notice_id: Uuid, now: Timestamp) -> Decided {
        let account = self.account.as_ref().ok_or(Refusal::Gone)?;
        if self.devices.contains(device) {
            return Ok(Decision::Unchanged);
        }
        let mut notices = self.notices.clone();
        // An account that is older than this list has no device in it.
        if !self.devices.is_empty() {
            let to = account.email.clone();
            add(&mut notices, Notice::new(notice_id, NoticeKind::NewDevice, to, now));
        }
        let surplus = (self.devices.len() + 1).saturating_sub(DEVICES_MAX);
        let kept = self.devices.iter().skip(surplus);
        let devices = kept.chain([device]).cloned().collect();
        Ok(Decision::silent(Self { devices, notices, ..self.clone() }))
    }

    /// Unchanged when no notice is due: somebody else sends them.
    fn claimed(&self, until: Timestamp, now: Timestamp) -> Decision<Self> {
        let claim = |notice: &Notice| Notice {
            later: Some(Later { due: until, failures: notice.failures() }),
            ..notice.clone()
        };
        let notices = self.notices.iter();
        self.with_notices(
            notices.map(|it| if it.due() <= now { claim(it) } else { it.clone() }).collect(),
        )
    }

    fn settled(&self, done: &[Uuid], later: &[(Uuid, Later)]) -> Decision<Self> {
        let left = self.notices.iter().filter(|notice| !done.contains(&notice.id));
        let left = left.map(|notice| {
            let later = later.iter().find(|(id, _)| *id == notice.id).map(|(_, later)| *later);
            Notice { later: later.or(notice.later), ..notice.clone() }
        });
        self.with_notices(left.collect())
    }

    /// The user with these notices, which no other service needs to know of.
    fn with_notices(&self, notices: Vec<Notice>) -> Decision<Self> {
        if notices == self.notices {
            return Decision::Unchanged;
        }
        Decision::silent(Self { notices, ..self.clone() })
    }

    /// The account as its owner sees it; `None` once it is deleted.
    pub(crate) fn profile(&self) -> Option<api::User> {
        self.account.as_ref().map(|account| api::User {
            id: self.id,
            email: account.email.as_str().to_owned(),
            email_verified: account.email_verified,
            role: account.role,
            name: account.name.clone(),
            created_at: self.created_at,
        })
    }

    /// When the next of its notices is to be sent.
    pub(crate) fn next_notice(&self) -> Option<Timestamp> {
        self.notices.iter().map(Notice::due).min()
    }
}

/// The notices but those that ask for what is done now.
fn without_verification(notices: &[Notice]) -> Vec<Notice> {
    let left = notices.iter().filter(|notice| notice.kind != NoticeKind::VerifyEmail);
    left.cloned().collect()
}

/// Adds a notice. It takes the turn of one of the same kind to the same address that still waits: the
/// owner learns once, of the last time that it happened.
fn add(notices: &mut Vec<Notice>, notice: Notice) {
    let to = notice.to.folded();
    match notices.iter_mut().find(|it| it.kind == notice.kind && it.to.folded() == to) {
        Some(waiting) => *waiting = Notice { later: waiting.later, ..notice },
        None => notices.push(notice),
    }
}

#[cfg(test)]
#[path = "user_tests.rs"]
mod tests;
