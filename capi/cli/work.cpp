// The commands that work on scans: train, reconstruct, evaluate.
#include "commands.h"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <filesystem>

namespace cli {

namespace {

Dataset open_scan(Session& session, const std::string& path)
{
    auto dataset = make<Dataset>(ptk_dataset_open, session.context(), path.c_str(),
                                 static_cast<const ptk_config*>(session.config()));
    session.say(path + ": " + std::to_string(ptk_dataset_size(dataset.get())) + " frames of " +
                std::to_string(ptk_dataset_side(dataset.get())) + " x " +
                std::to_string(ptk_dataset_side(dataset.get())));
    return dataset;
}

void save_scan(Session& session, const ptk_dataset* dataset, const std::string& path, const std::string& format)
{
    check(ptk_dataset_save(dataset, path.c_str(), format.c_str()));
    session.say(std::to_string(ptk_dataset_size(dataset)) + " frames of " + std::to_string(ptk_dataset_side(dataset)) +
                " x " + std::to_string(ptk_dataset_side(dataset)) + "\n  " + path);
}

/// Pictures of a finished canvas; those that it has nothing for are left out.
void write_pictures(Session& session, const ptk_canvas* canvas, const std::string& stem)
{
    for (const char* picture : {"amplitude", "phase", "coverage", "probe", "errors"}) {
        const std::string path = stem + "_" + picture + ".png";
        const auto status = ptk_canvas_write_picture(canvas, picture, path.c_str());
        if (status == PTK_ERR_STATE)
            continue;
        check(status);
        session.say("  " + path);
    }
}

double fourier_error(Session& session, const ptk_canvas* canvas, const ptk_dataset* dataset)
{
    double error = 0;
    check(ptk_fourier_error(&error, canvas, dataset, session.cancel(), nullptr, nullptr));
    return error;
}

void keep_old_results(const std::string& path, bool force)
{
    if (!force && file_exists(path))
        throw Failure(PTK_ERR_INVALID_ARGUMENT,
                      path + " is there already; choose another folder with -o, or --force to replace it");
}

void save(Session& session, const ptk_canvas* canvas, const ptk_dataset* dataset, const std::string& stem,
          const char* what)
{
    const std::string path = stem + ".h5";
    check(ptk_canvas_save(canvas, path.c_str()));
    session.say(std::string(what) + ": relative Fourier error " + number(fourier_error(session, canvas, dataset)) +
                "\n  " + path);
    write_pictures(session, canvas, stem);
}

std::string joined(const std::vector<std::string>& words, const char* between)
{
    std::string all;
    for (const auto& word : words)
        all += (all.empty() ? "" : between) + word;
    return all;
}

/// All but the first are the option data.more.
void name_further_scans(Session& session, const std::vector<std::string>& scans)
{
    if (scans.size() < 2)
        return;
    for (const auto& scan : scans)
        if (scan.find(',') != std::string::npos)
            throw Failure(PTK_ERR_INVALID_ARGUMENT,
                          scan +
                              ": a name with ',' cannot be one of several scans; rename it, or put them into a folder");
    const auto more = joined({scans.begin() + 1, scans.end()}, ",");
    check(ptk_config_set_string(session.config(), "data.more", more.c_str()));
}

/// A run that was killed before its first checkpoint begins again. @throws Failure when there was no run
bool has_checkpoint(Session& session, const std::string& folder, const std::string& checkpoint)
{
    if (file_exists(checkpoint))
        return true;
    if (!std::filesystem::is_directory(folder))
        throw Failure(PTK_ERR_IO, folder + ": no such folder; there is nothing to go on with by --resume");
    session.say(folder + ": no checkpoint yet; the training begins at its start");
    return false;
}

} // namespace

void train(Session& session, const TrainOptions& options)
{
    const bool leads = session.leads();
    const std::string checkpoint = options.folder + "/last.ptk";
    const std::string bundle = options.folder + "/model.ptk";
    const bool resume = options.resume && has_checkpoint(session, options.folder, checkpoint);
    make_folder(options.folder);
    if (!options.resume && file_exists(checkpoint))
        throw Failure(PTK_ERR_INVALID_ARGUMENT,
                      checkpoint + " is there already; go on with it by --resume, or choose another folder with -o");
    name_further_scans(session, options.scans);
    const auto dataset = open_scan(session, options.scans.front());
    auto model = options.model.empty()
                     ? make<Model>(ptk_model_create, session.context(), ptk_dataset_side(dataset.get()),
                                   static_cast<const ptk_config*>(session.config()))
                     : make<Model>(ptk_model_load, session.context(), options.model.c_str());
    session.say("model: " + std::to_string(ptk_model_parameter_count(model.get())) + " parameters");
    auto trainer = make<Trainer>(ptk_trainer_create, model.get(), static_cast<const ptk_config*>(session.config()),
                                 options.folder.c_str());
    if (resume)
        check(ptk_trainer_resume(trainer.get(), checkpoint.c_str()));
    const auto status =
        ptk_trainer_fit(trainer.get(), dataset.get(), session.cancel(), Session::on_progress, session.progress_data());
    if (status == PTK_ERR_CANCELLED)
        throw Failure(status, "stopped; go on with: ptychokit train " + joined(options.scans, " ") + " -o " +
                                  options.folder + " --resume");
    check(status);
    if (!leads)
        return;
    check(ptk_model_save(model.get(), bundle.c_str()));
    session.say("trained model\n  " + bundle);
    for (const char* picture : {"history", "probe"}) {
        const std::string path = options.folder + "/" + picture + ".png";
        check(ptk_model_write_picture(model.get(), picture, path.c_str()));
        session.say("  " + path);
    }
}

void reconstruct(Session& session, const ReconstructOptions& options)
{
    make_folder(options.folder);
    const std::string plain = options.folder + "/object";
    const std::string refined = options.folder + "/refined";
    if (!options.model.empty())
        keep_old_results(plain + ".h5", options.force);
    if (options.refine)
        keep_old_results(refined + ".h5", options.force);
    const auto dataset = open_scan(session, options.scan);
    Model model;
    if (!options.model.empty())
        model = make<Model>(ptk_model_load, session.context(), options.model.c_str());
    auto worker =
        make<Reconstructor>(ptk_reconstructor_create, session.context(), static_cast<const ptk_model*>(model.get()),
                            static_cast<const ptk_config*>(session.config()));
    Canvas canvas;
    if (model) {
        canvas = make<Canvas>(ptk_reconstructor_reconstruct, worker.get(), dataset.get(), session.cancel(),
                              Session::on_progress, session.progress_data());
        save(session, canvas.get(), dataset.get(), plain, "network");
    }
    if (!options.refine)
        return;
    const auto better = make<Canvas>(ptk_reconstructor_refine, worker.get(), dataset.get(),
                                     static_cast<const ptk_canvas*>(canvas.get()), session.cancel(),
                                     Session::on_progress, session.progress_data());
    save(session, better.get(), dataset.get(), refined, "refined");
}

void simulate(Session& session, const SimulateOptions& options)
{
    const auto dataset =
        make<Dataset>(ptk_simulate, session.context(), static_cast<const ptk_config*>(session.config()),
                      static_cast<const ptk_cancel*>(session.cancel()), Session::on_progress, session.progress_data());
    save_scan(session, dataset.get(), options.out, options.format);
}

void convert(Session& session, const ConvertOptions& options)
{
    const auto dataset = open_scan(session, options.in);
    save_scan(session, dataset.get(), options.out, options.format);
}

void import_weights(Session& session, const ImportOptions& options)
{
    const auto model = make<Model>(ptk_model_import, session.context(), options.in.c_str(), options.side,
                                   static_cast<const ptk_config*>(session.config()));
    check(ptk_model_save(model.get(), options.out.c_str()));
    const auto told = json_of([&](char* buf, size_t capacity, size_t* needed) {
        return ptk_model_describe(model.get(), buf, capacity, needed);
    });
    const auto& origin = told["provenance"];
    session.say(origin["format"].get<std::string>() + ": " + std::to_string(ptk_model_parameter_count(model.get())) +
                " parameters, N = " + std::to_string(ptk_model_side(model.get())));
    for (const auto& line : origin["found"])
        session.say("  " + line.get<std::string>());
    for (const auto& line : origin["assumed"])
        session.say("  " + line.get<std::string>() + "   (assumed: names and shapes do not tell)");
    for (const auto& name : origin["left_out"])
        session.say("  left out, not the network's: " + name.get<std::string>());
    session.say(options.out);
}

void export_weights(Session& session, const ExportOptions& options)
{
    const auto model = make<Model>(ptk_model_load, session.context(), options.model.c_str());
    check(ptk_model_export(model.get(), options.out.c_str()));
    session.say(std::to_string(ptk_model_parameter_count(model.get())) + " parameters\n  " + options.out);
}

void evaluate(Session& session, const EvaluateOptions& options)
{
    if (options.reference.empty() && options.scan.empty())
        throw Failure(PTK_ERR_INVALID_ARGUMENT,
                      "evaluate: give --reference FILE (a known object), --scan FILE (the measured frames), or both");
    const auto canvas = make<Canvas>(ptk_canvas_load, session.context(), options.object.c_str());
    nlohmann::json scores = nlohmann::json::object();
    if (!options.reference.empty()) {
        scores = json_of([&](char* buf, size_t capacity, size_t* needed) {
            return ptk_evaluate_file(canvas.get(), options.reference.c_str(), session.config(), buf, capacity, needed);
        });
    }
    if (!options.scan.empty()) {
        const auto dataset = make<Dataset>(ptk_dataset_open, session.context(), options.scan.c_str(),
                                           static_cast<const ptk_config*>(session.config()));
        scores["fourier_error"] = fourier_error(session, canvas.get(), dataset.get());
    }
    if (options.json) {
        std::printf("%s\n", scores.dump(2).c_str());
        return;
    }
    struct Row {
        const char *key, *meaning;
    };
    static const Row rows[] = {
        {"fourier_error", "relative Fourier error against the measured frames (0 = perfect)"},
        {"complex_nrmse", "error of the complex object (1 = no better than a constant)"},
        {"phase_ssim", "structural similarity of the phase (1 = equal)"},
        {"amplitude_ssim", "structural similarity of the amplitude (1 = equal)"},
        {"phase_mae", "mean absolute error of the phase, rad"},
        {"amplitude_mae", "mean absolute error of the amplitude"},
        {"phase_psnr", "peak signal to noise of the phase, dB (peak = range of the reference)"},
        {"amplitude_psnr", "peak signal to noise of the amplitude, dB (peak = range of the reference)"},
        {"frc_half", "resolution: Fourier ring correlation 1/2, fraction of Nyquist"},
        {"shift_x", "shift that was removed, pixels in x"},
        {"shift_y", "shift that was removed, pixels in y"}};
    for (const auto& row : rows)
        if (scores.contains(row.key))
            std::printf("%-16s %10s  %s\n", row.key,
                        scores[row.key].is_number() ? number(scores[row.key].get<double>()).c_str() : "-", row.meaning);
}

} // namespace cli
