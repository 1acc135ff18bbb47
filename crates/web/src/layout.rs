//! The frame of every page: its title, navigation and metadata.

use std::sync::Arc;

use crate::{
    flash::Flash,
    hold::{Hold, Member},
    site::Site,
    visitor::Visitor,
};

/// The frame of a page, as its template shows it.
#[derive(Debug)]
pub(crate) struct Layout {
    site: Arc<Site>,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) user: Option<Member>,
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
    pub(crate) fn layout(&self, user: Option<Member>, title: impl Into<String>) -> Layout {
        Layout {
            site: Arc::clone(&self.site),
            title: title.into(),
            description: "Buy and sell tickets for concerts, theater and sports. Pick your seats, \
                          and they’re held for you while you check out."
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
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        match path {
            // Each of the two leads where the other would have.
            "/login" | "/signup" => query.to_owned(),
            _ => serde_urlencoded::to_string([("next", &self.path)]).unwrap_or_default(),
        }
    }

    /// What the visitor has in checkout, apart from this page's own.
    pub(crate) fn holds(&self) -> Vec<&Hold> {
        self.user.as_ref().map(|user| user.holds(&self.path)).unwrap_or_default()
    }

    /// Who is signed in: the name, or the address where there is none.
    pub(crate) fn name(&self) -> &str {
        match &self.user {
            Some(user) if !user.name.is_empty() => &user.name,
            Some(user) => &user.email,
            None => "",
        }
    }

    /// The letter that stands for the name, where a whole one does not fit.
    pub(crate) fn initial(&self) -> String {
        self.name().chars().next().map(String::from).unwrap_or_default()
    }
}
