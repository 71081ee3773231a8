//! Under which IDs rows are encoded: given, remembered, asked for, or placeholders.
//!
//! Sift is asked only if something is not known, and not for long: a stream of files starts without a network.

use std::time::Duration;

use crate::control::SiftControl;
use crate::error::{Error, ErrorCode, Result};
use crate::remembered::{Remembered, check_id};
use crate::schema::{FlowConfig, IngestionConfigForm, MetadataValue, RunForm, RunSelector};
use crate::spool::{Area, Spool};

/// What the user wants the rows to belong to.
pub(super) struct Wanted {
    pub(super) form: IngestionConfigForm,
    pub(super) ingestion_config_id: Option<String>,
    pub(super) run: Option<RunSelector>,
    pub(super) asset_tags: Vec<String>,
    pub(super) asset_metadata: Vec<MetadataValue>,
    /// How long Sift is waited for.
    pub(super) offline_after: Duration,
}

/// What the rows are encoded with.
pub(super) struct Identity {
    pub(super) config_id: String,
    pub(super) run_id: Option<String>,
    pub(super) flows: Vec<FlowConfig>,
    /// `data/`, unless an ID is a placeholder.
    pub(super) area: Area,
    /// Whether Sift said all that it was to be asked for.
    pub(super) is_complete: bool,
}

/// What Sift said.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    config: Option<(String, Vec<FlowConfig>)>,
    run_id: Option<String>,
    older_runs: Vec<(RunForm, String)>,
}

impl Answer {
    pub(super) fn config_id(&self) -> Option<&str> {
        self.config.as_ref().map(|(id, _)| id.as_str())
    }

    pub(super) fn run_id(&self) -> Option<&str> {
        self.run_id.as_deref()
    }
}

impl Wanted {
    pub(super) fn validate(&self) -> Result<()> {
        self.form.validate()?;
        if let Some(id) = &self.ingestion_config_id {
            check_id("ingestion config ID", id)?;
            if !self.asset_tags.is_empty() || !self.asset_metadata.is_empty() {
                let message = "asset tags and metadata need Sift's answer: leave ingestion_config_id out";
                return Err(Error::new(ErrorCode::InvalidArgument, message));
            }
        }
        match &self.run {
            Some(RunSelector::ById(id)) => check_id("run ID", id),
            Some(RunSelector::ByForm(form)) => Ok(form.validate()?),
            None => Ok(()),
        }
    }

    /// Wants also the flows of earlier starts that Sift may not have.
    pub(super) fn include_late_flows(&mut self, spool: &Spool) -> Result<()> {
        let known = Remembered::load(spool)?;
        if known.has_late_flows() {
            self.form.flows = known.flows_with(&self.form)?;
        }
        Ok(())
    }

    /// Finds the IDs; `older_runs` are wanted beside those that the slot remembers.
    pub(super) async fn identify(
        &self,
        spool: &Spool,
        older_runs: &[RunForm],
        control: &SiftControl,
    ) -> Result<Identity> {
        let known = Remembered::load(spool)?;
        known.flows_with(&self.form)?;
        let older_runs = Self::unknown_runs(&known, older_runs);
        let must_ask = self.must_ask(&known) || !older_runs.is_empty();
        let answer = if must_ask { self.ask(control, &older_runs).await? } else { None };
        let is_complete = !must_ask || answer.is_some();
        Ok(Identity { is_complete, ..self.settle(spool, answer)? })
    }

    /// The runs of earlier starts whose IDs the slot does not know, and those of `others` that it does not know.
    pub(super) fn unknown_runs(known: &Remembered, others: &[RunForm]) -> Vec<RunForm> {
        let own = known.unknown_runs().into_iter().map(|(_, form)| form);
        own.chain(others.iter().filter(|form| known.run_id(form).is_none()).cloned()).collect()
    }

    /// Writes down what Sift said, and what is known with it.
    pub(super) fn settle(&self, spool: &Spool, answer: Option<Answer>) -> Result<Identity> {
        let mut known = Remembered::load(spool)?;
        let mut flows = known.flows_with(&self.form)?;
        let asked = answer.is_some();
        let answer = answer.unwrap_or_default();
        for (form, id) in &answer.older_runs {
            known.set_run_id(spool, form, id)?;
        }
        let mut config_id = self.ingestion_config_id.clone();
        if let Some((id, registered)) = answer.config {
            known.are_known_to_sift(spool, &registered)?;
            (config_id, flows) = (Some(id), registered);
        }
        let config_id = config_id.or_else(|| known.config_id().map(str::to_owned));
        let registered = known.are_registered(&self.form) || (asked && self.ingestion_config_id.is_none());
        known.set_schema(spool, &self.form, &flows, config_id.as_deref(), registered)?;
        let run_id = self.run_id(spool, &mut known, answer.run_id)?;
        let is_known = config_id.is_some() && run_id.as_ref().is_none_or(|run| run.is_known);
        Ok(Identity {
            config_id: config_id.unwrap_or_else(Remembered::config_placeholder),
            run_id: run_id.map(|run| run.id),
            flows,
            area: if is_known { Area::Data } else { Area::Pending },
            is_complete: asked,
        })
    }

    /// Whether something is not known that Sift can tell, or Sift does not know something that was wanted.
    fn must_ask(&self, known: &Remembered) -> bool {
        let config = self.ingestion_config_id.is_none()
            && (known.config_id().is_none() || !known.are_registered(&self.form));
        let run = matches!(&self.run, Some(RunSelector::ByForm(form)) if known.run_id(form).is_none());
        let asset = !self.asset_tags.is_empty() || !self.asset_metadata.is_empty();
        config || run || asset
    }

    /// Asks Sift, once; `None` if it cannot be reached in time.
    async fn ask(&self, control: &SiftControl, older_runs: &[RunForm]) -> Result<Option<Answer>> {
        let answer = tokio::time::timeout(self.offline_after, self.register(control, older_runs)).await;
        let why = match answer {
            Ok(Ok(answer)) => return Ok(Some(answer)),
            Ok(Err(error)) if matches!(error.code(), ErrorCode::Unavailable | ErrorCode::Timeout) => error,
            Ok(Err(error)) => return Err(error),
            Err(_) => Error::new(ErrorCode::Timeout, format!("no answer within {:?}", self.offline_after)),
        };
        tracing::warn!(
            target: "siftstream::stream",
            error = %why, "starting without Sift; it is asked again while the stream runs"
        );
        Ok(None)
    }

    /// Tells Sift everything that is wanted, and asks for the IDs.
    pub(super) async fn register(&self, control: &SiftControl, unknown: &[RunForm]) -> Result<Answer> {
        let mut config = None;
        if self.ingestion_config_id.is_none() {
            let registered = control.ensure_ingestion_config(&self.form).await?;
            if !self.asset_tags.is_empty() {
                control.add_asset_tags(&registered.asset_id, &self.asset_tags).await?;
            }
            if !self.asset_metadata.is_empty() {
                control.add_asset_metadata(&registered.asset_id, &self.asset_metadata).await?;
            }
            config = Some((registered.ingestion_config_id, registered.flows));
        }
        let mut run_id = None;
        if let Some(run) = &self.run {
            run_id = Some(control.ensure_run(run).await?);
        }
        let mut older_runs = Vec::new();
        for form in unknown {
            let id = control.ensure_run(&RunSelector::ByForm(form.clone())).await?;
            older_runs.push((form.clone(), id));
        }
        Ok(Answer { config, run_id, older_runs })
    }

    fn run_id(
        &self,
        spool: &Spool,
        known: &mut Remembered,
        answered: Option<String>,
    ) -> Result<Option<RunId>> {
        let form = match &self.run {
            None => return Ok(None),
            Some(RunSelector::ById(id)) => return Ok(Some(RunId { id: id.clone(), is_known: true })),
            Some(RunSelector::ByForm(form)) => form,
        };
        if let Some(id) = &answered {
            known.set_run_id(spool, form, id)?;
        }
        if let Some(id) = answered.or_else(|| known.run_id(form).map(str::to_owned)) {
            return Ok(Some(RunId { id, is_known: true }));
        }
        Ok(Some(RunId { id: known.run_placeholder(spool, form)?, is_known: false }))
    }
}

struct RunId {
    id: String,
    is_known: bool,
}
