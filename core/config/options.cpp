// The table of every option. One line of meaning each; the section is the layer that reads it.
#include "config/schema.h"

namespace ptk::config {

namespace {

std::vector<Option> general_options()
{
    return {
        {"seed", Type::Int, "0", "seed of every random stream (grouping, initialisation, shuffling, simulation)", 0, 9007199254740992.0, {}, {"subsample_seed"}},
        {"threads", Type::Int, "0", "threads of one operation; 0 = as many as the machine gives", 0, 4096},
        {"kernels", Type::String, "\"own\"", "whose convolutions run on a CPU: our own, several times faster, or LibTorch's (aten)", {}, {}, {"own", "aten"}},
        {"deterministic", Type::Bool, "false", "same seed, same numbers on the same device and thread count, at some cost of speed"},
        {"compat", Type::String, "\"none\"", "'ptychopinn' reproduces quirks of PtychoPINN where equal numbers are needed", {}, {}, {"none", "ptychopinn"}},
    };
}

std::vector<Option> data_options()
{
    return {
        {"data.measurement", Type::String, "\"auto\"",
         "what the frames hold: photon counts, intensities (counts up to a factor) or amplitudes (their square root); auto = what the file says, else counts for whole "
         "numbers and amplitude for fractions, with a log line",
         {}, {}, {"auto", "counts", "intensity", "amplitude"}},
        {"data.dc", Type::String, "\"auto\"", "where the zero frequency of a frame is; auto = what the file says, else center (index N/2)", {}, {}, {"auto", "center", "corner"}},
        {"data.layout", Type::String, "\"auto\"", "axis order of the frames: frame first (n, h, w) or last (h, w, n); auto = by shape and number of positions", {}, {}, {"auto", "nhw", "hwn"}},
        {"data.position_unit", Type::String, "\"auto\"", "unit of the positions; auto = pixel in NPZ, metre in CXI", {}, {}, {"auto", "pixel", "metre"}},
        {"data.pixel_size_m", Type::Float, "null", "object pixel in metres, to turn metres into pixels; null = from wavelength, distance and detector pixel of the file", 1e-15, 1, {}, {}, true},
        {"data.x_bounds", Type::FloatPair, "[0, 1]", "keep scan points inside this fraction of the x range", 0, 1, {}, {"x_bounds"}},
        {"data.y_bounds", Type::FloatPair, "[0, 1]", "keep scan points inside this fraction of the y range", 0, 1, {}, {"y_bounds"}},
        {"data.memory_mib", Type::Int, "4096", "frames larger than this stay in their HDF5 file and are read when needed", 1, 1e9},
    };
}

std::vector<Option> scan_options()
{
    return {
        {"scan.grouping", Type::String, "\"auto\"",
         "how frames are put together for training: tile = a centre and its nearest frames; nearest = PtychoPINN's random draws among the nearest neighbours; single = one frame; auto = what the "
         "generator is made for",
         {}, {}, {"auto", "tile", "nearest", "single"}, {"neighbor_function"}},
        {"scan.group_size", Type::Int, "null", "frames in a group; null = 16 for tiles, the generator's channels otherwise", 1, 4096, {}, {"C"}, true},
        {"scan.neighbours", Type::Int, "6", "nearest neighbours that 'nearest' draws from (the frame itself not counted)", 1, 4096, {}, {"K", "neighbor_count"}},
        {"scan.samples", Type::Int, "1", "random groups that 'nearest' draws around each frame", 1, 10000, {}, {"n_subsample"}},
    };
}

std::vector<Option> generator_options()
{
    return {{"generator.name", Type::String, "\"physics_unet\"", "the network; see 'ptychokit list generators'", {}, {}, {}, {"architecture"}}};
}

std::vector<Option> physics_options()
{
    return {
        {"physics.patch_weighting", Type::String, "\"probe\"", "weights with which overlapping patches are merged: probe intensity, the central half, uniform, or none (patches stay apart)", {}, {},
         {"probe", "central_mask", "uniform", "none"}, {"training_patch_weighting"}},
        {"physics.subpixel", Type::String, "\"shift_probe\"",
         "fractions of a pixel in positions: shift the probe (patches on whole pixels, no blur), interpolate the patches (as PtychoPINN), or round", {}, {}, {"shift_probe", "interpolate", "round"}},
        {"probe.modes", Type::Int, "3", "incoherent probe modes; missing ones are made from the first", 1, 64},
        {"probe.warm_epochs", Type::Int, "10", "epochs of the iterative engine on the training frames that improve the probe before training; 0 = take the probe as given", 0, 10000},
        {"probe.trainable", Type::Bool, "false", "train the probe modes along with the network"},
        {"probe.learning_rate", Type::Float, "1e-3", "learning rate of the probe modes, relative to their root mean square", 0, 10},
        {"probe.start_step", Type::Int, "50", "training step from which the probe modes move", 0, 1e9},
        {"probe.mask", Type::Bool, "false", "multiply the probe with a soft disk", {}, {}, {}, {"probe_mask"}},
        {"probe.mask_diameter", Type::Float, "null", "diameter of the disk in pixels; null = N/2", 0, 1e5, {}, {"probe_mask_diameter"}, true},
        {"probe.mask_sigma", Type::Float, "1", "Gaussian edge of the disk in pixels", 0, 1e4, {}, {"probe_mask_sigma"}},
    };
}

std::vector<Option> training_options()
{
    return {
        {"training.epochs", Type::Int, "12", "passes; one pass covers each frame once on average", 1, 1e7, {}, {"epochs", "nepochs", "max_epochs"}},
        {"training.batch_size", Type::Int, "1", "groups in a step", 1, 65536, {}, {"batch_size"}},
        {"training.loss", Type::String, "\"amplitude\"", "amplitude = squared difference of amplitudes over the counts; poisson = negative log-likelihood of the counts; mae = mean absolute difference of amplitudes", {}, {},
         {"amplitude", "poisson", "mae"}, {"torch_loss_mode"}},
        {"training.optimizer", Type::String, "\"adam\"", "the optimizer", {}, {}, {"adam"}, {"optimizer"}},
        {"training.learning_rate", Type::Float, "2e-3", "largest learning rate", 0, 10, {}, {"learning_rate"}},
        {"training.schedule", Type::String, "\"one_cycle\"", "learning rate over the run: one_cycle (Smith and Topin 2018) or constant", {}, {}, {"one_cycle", "constant"}},
        {"training.adam_beta1", Type::Float, "0.9", "decay of Adam's mean", 0, 0.999999, {}, {"adam_beta1"}},
        {"training.adam_beta2", Type::Float, "0.999", "decay of Adam's mean square", 0, 0.99999999, {}, {"adam_beta2"}},
        {"training.weight_decay", Type::Float, "0", "L2 penalty", 0, 10, {}, {"weight_decay"}},
        {"training.gradient_clip", Type::Float, "1", "largest norm of the gradient; 0 = no limit", 0, 1e12, {}, {"gradient_clip_val"}},
        {"training.validation_fraction", Type::Float, "0.05", "fraction of the frames that is kept out of training and measures it", 0, 0.9},
        {"training.checkpoint_epochs", Type::Int, "5", "epochs between checkpoints when a run folder is given; the last epoch always has one", 1, 1e7},
    };
}

std::vector<Option> reconstruction_options()
{
    return {
        {"reconstruction.batch_size", Type::Int, "64", "frames predicted at once; bounds the memory", 1, 65536, {}, {"inference_batch_size"}},
        {"reconstruction.passes", Type::Int, "null", "times the network looks at each frame, with overlapping patches merged in between; null = as it was trained", 1, 64, {}, {}, true},
        {"reconstruction.fill", Type::Float, "0", "value of the object where no frame reached", -1e30, 1e30},
        {"reconstruction.coverage", Type::Float, "1e-3", "smallest weight, relative to the largest, at which a pixel of the object counts as reached", 0, 1},
        {"reconstruction.middle_trim", Type::Int, "0", "use only this many central pixels of each patch; 0 = all", 0, 65536, {}, {"middle_trim"}},
    };
}

std::vector<Option> refinement_options()
{
    return {
        {"refinement.epochs", Type::Int, "20", "largest number of passes over the frames; 0 = no refinement", 0, 1e6},
        {"refinement.algorithm", Type::String, "\"epie\"", "rpie (Maiden, Johnson and Li 2017) or epie (Maiden and Rodenburg 2009)", {}, {}, {"rpie", "epie"}},
        {"refinement.alpha", Type::Float, "0.1", "rpie: weight of the largest against the local probe (and object) intensity in the update", 1e-6, 1},
        {"refinement.object_step", Type::Float, "1", "step of the object", 0, 2},
        {"refinement.probe_step", Type::Float, "0.5", "step of the probe in its first epoch, 1/k of it in the k-th; 0 = keep it", 0, 2},
        {"refinement.probe_start", Type::Int, "1", "first epoch in which the probe moves", 1, 1e6},
        {"refinement.positions", Type::Bool, "false", "correct the positions too"},
        {"refinement.held_out_fraction", Type::Float, "0.05", "fraction of the frames that is left out of the updates; their Fourier error says when to stop", 0, 0.9},
        {"refinement.patience", Type::Int, "5", "epochs without a better held-out error after which the best result is taken", 1, 1e6},
    };
}

}  // namespace

const Schema& library_schema()
{
    static const Schema schema = [] {
        std::vector<Option> all;
        for (auto part : {general_options(), data_options(), scan_options(), generator_options(), physics_options(), training_options(), reconstruction_options(), refinement_options()})
            all.insert(all.end(), part.begin(), part.end());
        return Schema(std::move(all));
    }();
    return schema;
}

}  // namespace ptk::config
