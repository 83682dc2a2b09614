#include "training/history.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

namespace ptk::training {

std::string history_csv(const std::vector<model::HistoryRow>& history)
{
    std::string text = "epoch,training_loss,validation_loss,learning_rate,seconds\n";
    for (const auto& row : history)
        fmt::format_to(std::back_inserter(text), "{},{},{},{},{:.3f}\n", row.epoch, row.training_loss,
                       row.validation_loss, row.learning_rate, row.seconds);
    return text;
}

double judged_loss(const model::HistoryRow& row)
{
    return std::isfinite(row.validation_loss) ? row.validation_loss : row.training_loss;
}

} // namespace ptk::training
