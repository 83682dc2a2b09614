#pragma once
#include "session.h"

#include <cstdint>
#include <string>
#include <vector>

namespace cli {

struct TrainOptions {
    std::vector<std::string> scans; ///< several are trained on together
    std::string folder;
    std::string model; ///< a bundle whose weights training begins with; empty = fresh ones
    bool resume = false;
};
void train(Session& session, const TrainOptions& options);

struct ReconstructOptions {
    std::string scan;
    std::string model; ///< a bundle; empty = the iterative engine alone
    std::string folder;
    bool refine = true;
    bool force = false; ///< overwrite results that are there
};
void reconstruct(Session& session, const ReconstructOptions& options);

struct SimulateOptions {
    std::string out;
    std::string format = "auto";
};
void simulate(Session& session, const SimulateOptions& options);

struct ConvertOptions {
    std::string in;
    std::string out;
    std::string format = "auto";
};
void convert(Session& session, const ConvertOptions& options);

struct ImportOptions {
    std::string in;
    std::string out;
    std::int64_t side = 0; ///< 0 = as the file tells
};
void import_weights(Session& session, const ImportOptions& options);

struct ExportOptions {
    std::string model;
    std::string out;
};
void export_weights(Session& session, const ExportOptions& options);

struct EvaluateOptions {
    std::string object;
    std::string reference;
    std::string scan;
    bool json = false;
};
void evaluate(Session& session, const EvaluateOptions& options);

void info(Session& session, const std::string& path, bool json);

void config_schema(Session& session, const std::string& subject, bool json);
void config_defaults(Session& session);
void config_check(Session& session);

/// What is registered under a category: "generators", "losses" ...; "categories": the categories.
void list(Session& session, const std::string& category, bool json);
void describe(Session& session, const std::string& category, const std::string& name, bool json);
void version();

} // namespace cli
