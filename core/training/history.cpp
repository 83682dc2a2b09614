#include "training/history.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <iterator>
#include <set>

namespace ptk::training {

std::string history_csv(const std::vector<model::HistoryRow>& history)
{
    std::set<std::string> terms;
    for (const auto& row : history)
        for (const auto& term : row.terms)
            terms.insert(term.first);
    std::string text = "epoch,training_loss,validation_loss,learning_rate,seconds";
    for (const auto& name : terms)
        text += ",term_" + name;
    for (const auto& row : history) {
        fmt::format_to(std::back_inserter(text), "\n{},{},{},{},{:.3f}", row.epoch, row.training_loss,
                       row.validation_loss, row.learning_rate, row.seconds);
        for (const auto& name : terms) {
            const auto term = row.terms.find(name);
            text += term == row.terms.end() ? "," : fmt::format(",{}", term->second);
        }
    }
    return text + "\n";
}

std::string history_text(const std::vector<model::HistoryRow>& history)
{
    return config::Json{{"history", model::history_json(history)}}.dump(1) + "\n";
}

double judged_loss(const model::HistoryRow& row)
{
    return std::isfinite(row.validation_loss) ? row.validation_loss : row.training_loss;
}

} // namespace ptk::training
