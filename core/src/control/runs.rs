//! Finds, creates and updates runs.

use super::assets::{merge_metadata, merge_tags};
use super::filter::equals;
use super::pages::{PAGE_SIZE, Pages};
use super::{SiftControl, methods};
use crate::grpc::Code;
use crate::proto::sift::runs::v2::{CreateRunRequest, GetRunRequest, ListRunsRequest, Run, UpdateRunRequest};
use crate::schema::{RunForm, RunSelector};
use crate::{Error, ErrorCode, Result};

impl SiftControl {
    /// The ID of the run that is meant: an existing one, or the one with the form's client key, which is created or
    /// brought up to date as needed.
    pub async fn ensure_run(&self, selector: &RunSelector) -> Result<String> {
        selector.validate()?;
        let form = match selector {
            RunSelector::ById(id) => return self.get_run(id).await,
            RunSelector::ByForm(form) => form,
        };
        match self.find_run(&form.client_key).await? {
            Some(run) => self.refresh_run(run, form).await,
            None => self.create_run(form).await,
        }
    }

    async fn get_run(&self, run_id: &str) -> Result<String> {
        let request = GetRunRequest { run_id: run_id.to_owned() };
        let answer = self.call(methods::GET_RUN, request).await?;
        Ok(answer.run.ok_or_else(|| self.incomplete(methods::GET_RUN.name()))?.run_id)
    }

    async fn find_run(&self, client_key: &str) -> Result<Option<Run>> {
        let mut pages = Pages::new();
        while let Some(page_token) = pages.token() {
            let request = ListRunsRequest {
                page_size: PAGE_SIZE,
                page_token,
                filter: equals("client_key", client_key),
                order_by: String::new(),
            };
            let page = self.call(methods::LIST_RUNS, request).await?;
            let found = page.runs.into_iter().find(|run| run.client_key.as_deref() == Some(client_key));
            if found.is_some() {
                return Ok(found);
            }
            pages.advance(methods::LIST_RUNS.name(), page.next_page_token)?;
        }
        Ok(None)
    }

    async fn create_run(&self, form: &RunForm) -> Result<String> {
        let request = CreateRunRequest::from(form);
        let created = self.call(methods::CREATE_RUN, request).await;
        match created {
            Ok(answer) => Ok(answer.run.ok_or_else(|| self.incomplete(methods::CREATE_RUN.name()))?.run_id),
            Err(failure) if failure.code == Code::AlreadyExists => {
                let run = self.find_run(&form.client_key).await?.ok_or_else(|| {
                    let message = format!(
                        "the run key {:?} is in use by a run that this API key cannot see: use another one",
                        form.client_key
                    );
                    Error::new(ErrorCode::InvalidArgument, message)
                })?;
                self.refresh_run(run, form).await
            }
            Err(failure) => Err(failure.into()),
        }
    }

    async fn refresh_run(&self, mut run: Run, form: &RunForm) -> Result<String> {
        let run_id = run.run_id.clone();
        let mut paths = Vec::new();
        if run.name != form.name {
            run.name.clone_from(&form.name);
            paths.push("name".to_owned());
        }
        if let Some(description) = form.description.as_ref().filter(|text| **text != run.description) {
            run.description.clone_from(description);
            paths.push("description".to_owned());
        }
        if merge_tags(&mut run.tags, &form.tags) {
            paths.push("tags".to_owned());
        }
        if merge_metadata(&mut run.metadata, &form.metadata) {
            paths.push("metadata".to_owned());
        }
        if paths.is_empty() {
            return Ok(run_id);
        }
        let request =
            UpdateRunRequest { run: Some(run), update_mask: Some(prost_types::FieldMask { paths }) };
        self.call(methods::UPDATE_RUN, request).await?;
        Ok(run_id)
    }
}
