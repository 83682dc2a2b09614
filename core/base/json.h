#pragma once
#include <nlohmann/json.hpp>

#include <string>

namespace ptk::base {

/// For the parser's callback: text that may come from anyone must not be nested so deeply that what walks it, which
/// recurses, leaves the stack.
/// @throws Error(Format) beyond 64 levels
bool shallow_json(int depth, nlohmann::json::parse_event_t event, nlohmann::json& value);

/// @return the value; discarded when @p text is no JSON or is nested too deeply
nlohmann::json parse_json(const std::string& text);

} // namespace ptk::base
