//! Everything that is stored, for an audit and for a move elsewhere.

use mongodb::bson::{Bson, Document, doc};
use serde::Deserialize;
use stubmart_ports::store::StoreError;
use uuid::Uuid;

use crate::{
    database::all,
    failure::{Failure, corrupt},
    form::{self, Form},
    store::MongoStore,
};

/// How many documents are read at once.
const PAGE: i64 = 1000;

/// A stored document's place and how many events it has published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The collection's name.
    pub collection: String,
    /// The document's id.
    pub id: Uuid,
    /// How many events it has published.
    pub version: u64,
}

/// What is read of a document for that.
#[derive(Debug, Deserialize)]
struct Place {
    #[serde(rename = "_id")]
    id: String,
    version: i64,
}

impl MongoStore {
    /// The contents of a collection's documents, in no order. What is saved meanwhile may be among them or not.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn bodies(&self, collection: &str) -> Result<Vec<Vec<u8>>, StoreError> {
        let forms = self.pages::<Form>(collection, Form::projection(), |it| &it.id).await?;
        Ok(forms.into_iter().map(Form::into_body).collect())
    }

    /// Every document of `service`, in no order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn documents_of(&self, service: &str) -> Result<Vec<Listed>, StoreError> {
        let mut listed = Vec::new();
        for collection in self.database.names(service).await.map_err(Failure::unavailable)? {
            let projection = doc! { "version": 1 };
            for place in self.pages::<Place>(&collection, projection, |it| &it.id).await? {
                let version =
                    place.version.try_into().map_err(|_| corrupt("a negative version"))?;
                let id = form::id(&place.id)?;
                listed.push(Listed { collection: collection.clone(), id, version });
            }
        }
        Ok(listed)
    }

    async fn pages<T>(
        &self,
        collection: &str,
        projection: Document,
        id: impl Fn(&T) -> &String,
    ) -> Result<Vec<T>, StoreError>
    where
        T: serde::de::DeserializeOwned + Unpin + Send + Sync,
    {
        let documents = self.database.collection::<T>(collection);
        let (mut read, mut after) = (Vec::new(), String::new());
        loop {
            let page = documents
                .find(doc! { "_id": { "$gt": Bson::from(&after) } })
                .sort(doc! { "_id": 1 })
                .limit(PAGE)
                .projection(projection.clone());
            let page = self.database.bounded(all(page)).await.map_err(Failure::unavailable)?;
            let Some(last) = page.last() else { return Ok(read) };
            after.clone_from(id(last));
            read.extend(page);
        }
    }
}
