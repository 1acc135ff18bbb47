//! The rules of the second factor.

use stubmart_contract::Timestamp;
use stubmart_kernel::Decision;
use uuid::Uuid;

use super::{Account, Decided, Refusal, User, add};
use crate::{
    notice::{Notice, NoticeKind},
    second_factor::{SecondFactor, Secret},
    token_hash::TokenHash,
};

impl User {
    /// The account, if its password is still the one that was checked.
    fn proven(&self, proof: &str) -> Result<&Account, Refusal> {
        let account = self.account.as_ref().ok_or(Refusal::Gone)?;
        if account.password_hash == proof { Ok(account) } else { Err(Refusal::StaleProof) }
    }

    /// The user with this second factor, which no other service needs to know of.
    fn with_factor(
        &self,
        second_factor: Option<SecondFactor>,
        notice: Option<Notice>,
    ) -> Decision<Self> {
        let mut notices = self.notices.clone();
        if let Some(notice) = notice {
            add(&mut notices, notice);
        }
        Decision::silent(Self { second_factor, notices, ..self.clone() })
    }

    pub(super) fn with_factor_begun(&self, proof: &str, secret: &Secret) -> Decided {
        self.proven(proof)?;
        let begun = Some(SecondFactor::begun(secret));
        match &self.second_factor {
            Some(factor) if factor.is_on => Err(Refusal::SecondFactorOn),
            same if *same == begun => Ok(Decision::Unchanged),
            _ => Ok(self.with_factor(begun, None)),
        }
    }

    pub(super) fn with_factor_on(
        &self,
        proof: &str,
        code: &str,
        recovery: &[TokenHash],
        notice_id: Uuid,
        now: Timestamp,
    ) -> Decided {
        let account = self.proven(proof)?;
        let factor = self.second_factor.as_ref().ok_or(Refusal::WrongCode)?;
        if factor.is_on {
            // The codes are random, so it was this very command that set them.
            let is_ours = factor.recovery == recovery;
            return if is_ours { Ok(Decision::Unchanged) } else { Err(Refusal::SecondFactorOn) };
        }
        let on = factor.turned_on(code, recovery, now).ok_or(Refusal::WrongCode)?;
        let to = account.email.clone();
        let notice = Notice::new(notice_id, NoticeKind::SecondFactorOn, to, now);
        Ok(self.with_factor(Some(on), Some(notice)))
    }

    /// A factor that is on is taken away by a code of its own, as a login is: a stolen session and a password
    /// are not enough.
    pub(super) fn without_factor(
        &self,
        proof: &str,
        code: Option<&str>,
        notice_id: Uuid,
        now: Timestamp,
    ) -> Decided {
        let account = self.proven(proof)?;
        let Some(factor) = &self.second_factor else { return Ok(Decision::Unchanged) };
        let is_right = code.is_some_and(|code| factor.used(code, notice_id, now).is_some());
        if factor.is_on && !is_right {
            return Err(Refusal::WrongCode);
        }
        let to = account.email.clone();
        let notice = Notice::new(notice_id, NoticeKind::SecondFactorOff, to, now);
        Ok(self.with_factor(None, factor.is_on.then_some(notice)))
    }

    pub(super) fn with_code_used(&self, code: &str, login: Uuid, now: Timestamp) -> Decided {
        if self.account.is_none() {
            return Err(Refusal::Gone);
        }
        let factor = self.factor().ok_or(Refusal::WrongCode)?;
        if factor.last_use == Some(login) {
            return Ok(Decision::Unchanged);
        }
        let used = factor.used(code, login, now).ok_or(Refusal::WrongCode)?;
        Ok(self.with_factor(Some(used), None))
    }

    /// The second factor that logging in asks for.
    pub(crate) fn factor(&self) -> Option<&SecondFactor> {
        self.second_factor.as_ref().filter(|factor| factor.is_on)
    }
}
