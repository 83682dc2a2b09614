#include "base/json.h"

#include "base/error.h"

namespace ptk::base {

namespace {

constexpr int deepest = 64;

} // namespace

bool shallow_json(int depth, nlohmann::json::parse_event_t, nlohmann::json&)
{
    require(depth < deepest, Status::Format, "JSON nested deeper than {} levels", deepest);
    return true;
}

nlohmann::json parse_json(const std::string& text)
{
    try {
        return nlohmann::json::parse(text, shallow_json, /*allow_exceptions=*/false);
    } catch (const Error&) {
        return nlohmann::json::value_t::discarded;
    }
}

} // namespace ptk::base
