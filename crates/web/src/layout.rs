//! The frame of every page: its title, navigation and metadata.

use std::sync::Arc;

use stubmart_contract::api::User;

use crate::{flash::Flash, site::Site, visitor::Visitor};

/// The frame of a page, as its template shows it.
#[derive(Debug)]
pub(crate) struct Layout {
    site: Arc<Site>,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) user: Option<User>,
    pub(crate) flash: Option<Flash>,
    /// Path and query of this page.
    path: String,
    /// The page's own address, where its query is part of that.
    pub(crate) address: Option<String>,
    /// Whether search engines may keep it.
    pub(crate) public: bool,
    /// After how many seconds a browser without JavaScript reloads the page; 0 is never.
    pub(crate) refresh_s: u64,
    /// Whether the page pays with Stripe's own script.
    pub(crate) stripe: bool,
    /// schema.org data, as JSON that is safe inside of a script element.
    pub(crate) json_ld: Option<String>,
}

impl Visitor {
    /// The frame of a page with this title for this visitor.
    pub(crate) fn layout(&self, user: Option<User>, title: impl Into<String>) -> Layout {
        Layout {
            site: Arc::clone(&self.site),
            title: title.into(),
            description: "Buy and sell event tickets. The ticket you check out is yours alone \
                          until you pay or leave."
                .to_owned(),
            user,
            flash: self.flash,
            path: self.path.clone(),
            address: None,
            public: false,
            refresh_s: 0,
            stripe: false,
            json_ld: None,
        }
    }
}

impl Layout {
    /// Marks a page that is the same for everybody.
    pub(crate) fn public(mut self) -> Self {
        self.public = true;
        self
    }

    pub(crate) fn css(&self) -> &str {
        &self.site.assets.css.href
    }

    pub(crate) fn js(&self) -> &str {
        &self.site.assets.js.href
    }

    pub(crate) fn icon(&self) -> &str {
        &self.site.assets.icon.href
    }

    pub(crate) fn sandbox(&self) -> bool {
        self.site.is_sandbox()
    }

    /// The page's address for link previews, if the operator has set the site's.
    pub(crate) fn url(&self) -> Option<String> {
        let public = self.site.config.public_url.as_deref()?;
        let path = self.path.split('?').next();
        let path = self.address.as_deref().or(path).unwrap_or("/");
        Some(format!("{}{path}", public.trim_end_matches('/')))
    }

    /// The picture for link previews, if the operator has set the site's address.
    pub(crate) fn preview(&self) -> Option<String> {
        let public = self.site.config.public_url.as_deref()?;
        Some(format!("{}{}", public.trim_end_matches('/'), self.site.assets.preview.href))
    }

    /// Whether this is the page at `path`, for the navigation.
    pub(crate) fn here(&self, path: &str) -> bool {
        self.path.split('?').next() == Some(path)
    }

    /// Where to return to after logging in from this page, as a query.
    pub(crate) fn next(&self) -> String {
        let path = if self.path.starts_with("/login") || self.path.starts_with("/signup") {
            "/"
        } else {
            &self.path
        };
        serde_urlencoded::to_string([("next", path)]).unwrap_or_default()
    }

    /// How to greet the user who is signed in.
    pub(crate) fn name(&self) -> &str {
        match &self.user {
            Some(user) if !user.name.is_empty() => &user.name,
            Some(_) => "Account",
            None => "",
        }
    }
}
