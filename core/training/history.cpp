#include "training/history.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <iterator>
#include <set>

namespace ptk::training {

namespace {

using Numbers = std::map<std::string, double>;

std::set<std::string> names_of(const std::vector<model::HistoryRow>& history, Numbers model::HistoryRow::*numbers)
{
    std::set<std::string> names;
    for (const auto& row : history)
        for (const auto& number : row.*numbers)
            names.insert(number.first);
    return names;
}

std::string cells(const std::set<std::string>& names, const Numbers& numbers)
{
    std::string text;
    for (const auto& name : names) {
        const auto found = numbers.find(name);
        text += found == numbers.end() ? "," : fmt::format(",{}", found->second);
    }
    return text;
}

} // namespace

std::string history_csv(const std::vector<model::HistoryRow>& history)
{
    const auto terms = names_of(history, &model::HistoryRow::terms);
    const auto diagnostics = names_of(history, &model::HistoryRow::diagnostics);
    std::string text = "epoch,training_loss,validation_loss,learning_rate,seconds";
    for (const auto& name : terms)
        text += ",term_" + name;
    for (const auto& name : diagnostics)
        text += "," + name;
    for (const auto& row : history) {
        fmt::format_to(std::back_inserter(text), "\n{},{},{},{},{:.3f}", row.epoch, row.training_loss,
                       row.validation_loss, row.learning_rate, row.seconds);
        text += cells(terms, row.terms) + cells(diagnostics, row.diagnostics);
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
