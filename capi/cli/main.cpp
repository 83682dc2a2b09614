// The program `ptychokit`: a client of the C ABI like any other.
#include "commands.h"

#include <CLI/CLI.hpp>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace {

using namespace cli;

void add_common(CLI::App& command, Common& common)
{
    command.add_option("-c,--config", common.config_file, "options from a .json or .yaml file")->type_name("FILE");
    command
        .add_option("-s,--set", common.settings,
                    "one option, e.g. -s training.epochs=10; see 'ptychokit config schema'")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false);
    command
        .add_option("--plugin", common.plugins,
                    "load generators: a shared library (ptychokit/plugin.h) or a TorchScript program; it is executed")
        ->type_name("FILE")
        ->allow_extra_args(false);
    command.add_option("-d,--device", common.device, "cpu, cuda, cuda:N or auto")->capture_default_str();
    command.add_option("-t,--threads", common.threads, "threads (0 = all cores)")->check(CLI::Range(0, 4096));
    command.add_flag("-q,--quiet", common.quiet, "errors only");
    command.add_flag("-v,--verbose", common.verbose, "more messages");
}

int run(int argc, char** argv)
{
    CLI::App app{"PtychoKit: the complex object of a scanning diffraction experiment, by networks that learn from the "
                 "frames alone.\n"
                 "\n"
                 "  ptychokit info scan.npz                              what is in the file\n"
                 "  ptychokit simulate -o scan.npz                       an experiment to order, with its truth\n"
                 "  ptychokit train scan.npz -o run                      train a network on the scan, without labels\n"
                 "  ptychokit reconstruct scan.npz -m run/model.ptk -o result   picture of the object, then refined\n"
                 "  ptychokit evaluate result/refined.h5 --scan scan.npz how well it explains the frames\n"};
    app.require_subcommand(1);
    app.set_version_flag("--version", std::string("ptychokit ") + std::to_string(PTK_VERSION_MAJOR) + "." +
                                          std::to_string(PTK_VERSION_MINOR) + "." + std::to_string(PTK_VERSION_PATCH));

    Common common;
    std::function<void(Session&)> action;

    TrainOptions training;
    auto* train_command = app.add_subcommand("train", "Train a network on the frames of a scan, without labels");
    train_command
        ->add_option("scan", training.scans,
                     "scan: NPZ (PtychoPINN layout) or HDF5 (CXI); several, or a folder of NPZ files, are trained on "
                     "together, each with its own probe")
        ->required();
    train_command->add_option("-o,--out", training.folder, "folder for model.ptk, checkpoints, history and pictures")
        ->required();
    train_command->add_option(
        "-m,--model", training.model,
        "begin with the weights of this model (model.ptk); with -s probe.from=scan for another beam");
    train_command->add_flag("--resume", training.resume, "go on with the last checkpoint of the folder");
    train_command->callback([&] { action = [&](Session& s) { train(s, training); }; });

    ReconstructOptions reconstruction;
    auto* reconstruct_command =
        app.add_subcommand("reconstruct", "Reconstruct the object with a trained network, then refine it iteratively");
    reconstruct_command->add_option("scan", reconstruction.scan, "scan: NPZ (PtychoPINN layout) or HDF5 (CXI)")
        ->required();
    reconstruct_command->add_option("-m,--model", reconstruction.model,
                                    "trained model (model.ptk); without one only the iterative engine runs");
    reconstruct_command->add_option("-o,--out", reconstruction.folder, "folder for object.h5, refined.h5 and pictures")
        ->required();
    reconstruct_command->add_flag("--refine,!--no-refine", reconstruction.refine,
                                  "iterate on object and probe after the network (default: yes)");
    reconstruct_command->add_flag("--force", reconstruction.force, "replace results that are there");
    reconstruct_command->callback([&] { action = [&](Session& s) { reconstruct(s, reconstruction); }; });

    EvaluateOptions evaluation;
    auto* evaluate_command =
        app.add_subcommand("evaluate", "Compare an object with a known one and with the measured frames");
    evaluate_command->add_option("object", evaluation.object, "object.h5 or refined.h5 of 'reconstruct'")->required();
    evaluate_command->add_option("-r,--reference", evaluation.reference, "known object: NPZ, NPY or a result of ours");
    evaluate_command->add_option("--scan", evaluation.scan, "the measured frames");
    evaluate_command->add_flag("--json", evaluation.json, "as JSON");
    evaluate_command->callback([&] { action = [&](Session& s) { evaluate(s, evaluation); }; });

    SimulateOptions simulation;
    auto* simulate_command = app.add_subcommand(
        "simulate", "Make an experiment to order, with its truth; options: ptychokit config schema simulation");
    simulate_command->add_option("-o,--out", simulation.out, "scan.npz, scan.cxi or scan.h5, or a folder of ptychodus")
        ->required();
    simulate_command->add_option("--format", simulation.format, "npz, cxi, ptychodus, or auto: by the suffix")
        ->capture_default_str();
    simulate_command->callback([&] { action = [&](Session& s) { simulate(s, simulation); }; });

    ConvertOptions conversion;
    auto* convert_command = app.add_subcommand("convert", "Write a scan in another format, data.* options applied");
    convert_command->add_option("in", conversion.in, "any scan that PtychoKit reads")->required();
    convert_command->add_option("out", conversion.out, "scan.npz, scan.cxi or scan.h5, or a folder of ptychodus")
        ->required();
    convert_command->add_option("--format", conversion.format, "npz, cxi, ptychodus, or auto: by the suffix")
        ->capture_default_str();
    convert_command->callback([&] { action = [&](Session& s) { convert(s, conversion); }; });

    ImportOptions importing;
    auto* import_command = app.add_subcommand("import", "Make a model of weights that were trained in Python");
    import_command
        ->add_option("file", importing.in, "state dict (.pth, .pt), Lightning .ckpt, wts.h5.zip, .safetensors or .npz")
        ->required();
    import_command->add_option("-o,--out", importing.out, "the model (model.ptk)")->required();
    import_command->add_option("--side", importing.side, "side N of the frames, where the file does not tell it")
        ->check(CLI::Range(1, 65536));
    import_command->callback([&] { action = [&](Session& s) { import_weights(s, importing); }; });

    ExportOptions exporting;
    auto* export_command = app.add_subcommand("export", "Write a model's weights for Python, by the reference's names");
    export_command->add_option("model", exporting.model, "trained model (model.ptk)")->required();
    export_command->add_option("-o,--out", exporting.out, "weights.safetensors or weights.npz")->required();
    export_command->callback([&] { action = [&](Session& s) { export_weights(s, exporting); }; });

    std::string file;
    bool json = false;
    auto* info_command = app.add_subcommand("info", "What is in a file: scan, model or result; units; suggestions");
    info_command->add_option("file", file, "any file that PtychoKit reads")->required();
    info_command->add_flag("--json", json, "as JSON");
    info_command->callback([&] { action = [&](Session& s) { info(s, file, json); }; });

    auto* config_command = app.add_subcommand("config", "Options: which there are, their values, check a file");
    config_command->require_subcommand(1);
    std::string subject = "library";
    auto* schema_command = config_command->add_subcommand("schema", "All options with meaning, default and bounds");
    schema_command->add_option("subject", subject, "library, a section (training), or generator:NAME")
        ->capture_default_str();
    schema_command->add_flag("--json", json, "as JSON");
    schema_command->callback([&] { action = [&](Session& s) { config_schema(s, subject, json); }; });
    auto* defaults_command =
        config_command->add_subcommand("show", "Effective values as JSON, with --config and --set applied");
    defaults_command->callback([&] { action = [](Session& s) { config_defaults(s); }; });
    auto* check_command = config_command->add_subcommand("check", "Check the file given with --config");
    check_command->callback([&] { action = [](Session& s) { config_check(s); }; });

    std::string what = "categories";
    std::string name;
    auto* list_command = app.add_subcommand("list", "What is registered");
    list_command->add_option("what", what, "generators, initializers, losses, regularizers, optimizers, schedules ...")
        ->capture_default_str();
    list_command->add_flag("--json", json, "as JSON");
    list_command->callback([&] { action = [&](Session& s) { list(s, what, json); }; });
    auto* describe_command = app.add_subcommand("describe", "One registered thing with its options");
    describe_command->add_option("what", what, "generator, initializer, loss, regularizer, optimizer, schedule ...")
        ->required();
    describe_command->add_option("name", name, "its name")->required();
    describe_command->add_flag("--json", json, "as JSON");
    describe_command->callback([&] { action = [&](Session& s) { describe(s, what, name, json); }; });

    for (auto* command : {train_command, reconstruct_command, evaluate_command, simulate_command, convert_command,
                          import_command, export_command, info_command, schema_command, defaults_command, check_command,
                          list_command, describe_command})
        add_common(*command, common);
    auto* version_command = app.add_subcommand("version", "Version of the library and of what it was built with");
    version_command->callback([&] { version(); });

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        // CLI11's own codes stay inside: 0 for --help and --version, 2 for a wrong option.
        return app.exit(error) == 0 ? 0 : 2;
    }
    if (!action)
        return 0;
    Session session(common);
    action(session);
    return 0;
}

/// What a step frees the next one takes again. As glibc comes, it gives large pieces back to the system and gets them
/// as new pages, which was up to a third of the time of training. The environment has the last word.
void keep_freed_memory()
{
#if defined(__GLIBC__)
    if (std::getenv("MALLOC_TRIM_THRESHOLD_") || std::getenv("MALLOC_MMAP_THRESHOLD_"))
        return;
    mallopt(M_MMAP_THRESHOLD, 32 << 20); // the largest that glibc takes
    mallopt(M_TRIM_THRESHOLD, 2'000'000'000);
#endif
}

} // namespace

/// OpenMP reads its environment when it is loaded. Threads that spin while they wait make the program, and others on a
/// busy machine, several times slower: start again with passive waiting, unless the user said something else.
void wait_passively(char** argv)
{
    if (std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv("GOMP_SPINCOUNT") != nullptr)
        return;
    ::setenv("OMP_WAIT_POLICY", "passive", 1);
    ::execv("/proc/self/exe", argv);
    // Without /proc the program goes on as it is.
}

int main(int argc, char** argv)
{
    wait_passively(argv);
    keep_freed_memory();
    try {
        return run(argc, argv);
    } catch (const cli::Failure& failure) {
        std::fprintf(stderr, "\nptychokit: %s\n", failure.what());
        return cli::exit_code(failure.status);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "\nptychokit: %s\n", error.what());
        return 1;
    }
}
