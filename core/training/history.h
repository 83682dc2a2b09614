#pragma once
#include "model/model.h"

#include <string>
#include <vector>

namespace ptk::training {

/// A history as CSV text: a header line with the names of HistoryRow, one line a row; numbers read back as they were.
/// Terms are columns "term_<name>" after the others, then diagnostics by their names, empty in epochs without them.
std::string history_csv(const std::vector<model::HistoryRow>& history);

/// The same as indented JSON: {"history": [model::history_json()'s rows]}.
std::string history_text(const std::vector<model::HistoryRow>& history);

/// The loss by which epochs are compared: of validation, of training without validation frames.
double judged_loss(const model::HistoryRow& row);

} // namespace ptk::training
