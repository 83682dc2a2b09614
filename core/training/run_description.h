#pragma once
#include "data/scan.h"
#include "model/model.h"
#include "tracking/tracker.h"

#include <map>
#include <string>

namespace ptk::training {

/// What a tracking server is told of a training when it begins: every option that is in effect, scan, frames and
/// network as parameters; who trains, with what, and the user's tags.
/// @param folder  of the run; its name is that of the run when tracking.run_name has none
tracking::RunDescription run_description(const tracking::Options& options, const std::string& id,
                                         const std::string& folder, model::Model& model, const data::Scan& scan);

/// The numbers of an epoch by name: those of the row, terms as "term_<name>", diagnostics.
std::map<std::string, double> epoch_metrics(const model::HistoryRow& row);

} // namespace ptk::training
