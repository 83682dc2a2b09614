#pragma once
#include "base/log.h"
#include "base/progress.h"
#include "model/model.h"
#include "tracking/tracker.h"
#include "training/batch.h"
#include "training/checkpoint.h"
#include "training/diagnostics.h"
#include "training/grouping.h"
#include "training/labels.h"
#include "training/losses.h"
#include "training/optimizer.h"
#include "training/probe_parameter.h"
#include "training/ptychopinn_physics.h"
#include "training/range_test.h"
#include "training/regularizers.h"
#include "training/stages.h"
#include "training/step.h"
#include "training/team.h"
#include "training/weight_average.h"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace ptk::training {

/// One call of Trainer::fit(): everything that lives as long as it.
class Run {
public:
    struct Setting {
        model::Model& model;
        config::Settings settings;
        const data::Scan& scan;
        std::string folder; ///< "" = nothing on disk
        const Monitor& monitor;
        LogPtr log;
        tracking::Options tracking; ///< whom to tell; no address = nobody
        Team& team;
    };

    /// Everything before the first step; the model is changed only when all of it succeeded.
    /// @param from  a checkpoint to go on from, or nullptr
    Run(Setting setting, const Checkpoint* from);

    void train();

private:
    void train_epochs();
    /// The range test of training.find_rate; weights and random streams are then as they were.
    void find_rate();
    void use_rate(std::optional<double> rate, bool use);
    void scale_rates();
    Optimizer::Options optimizer_options() const;
    void start_tracking();
    void stop_tracking(tracking::RunStatus status, const std::string& reason);
    void track_step(const std::vector<double>& terms, double gradient_norm);
    void check_scan() const;
    void check_team();
    /// Frames, groups and the model's statistics and probe. @param from  as above
    void prepare(const Checkpoint* from);
    /// What the others learnt of the frames is what rank 0 learnt.
    void share_preparation();
    void start(const Checkpoint* from);

    void step();
    /// What a step moves along, besides the gradients themselves.
    struct Slope {
        std::vector<double> terms; ///< of the last pass, means over the batches
        double norm = 0;           ///< of the network's gradients before they were limited
        double probe_norm = 0;     ///< of the probe's
        bool is_finite() const;
    };
    /// Gradients of a step, limited; with training.precision = bfloat16 in float32 when those are not finite.
    Slope gradients();
    Slope gradients_in(generators::Precision precision);
    /// Gradients of one batch. @param part  of the batches that make this step
    std::vector<double> accumulate(std::int64_t part, generators::Precision precision);
    void restore_good_weights();
    /// The loss and the penalties times their weights, in the order of term_names().
    /// @param shares  see shares_of()
    std::vector<at::Tensor> terms_of(const Pass& pass, const Batch& batch, std::span<const double> shares) const;
    /// What each term of our batch counts for in that of the whole team; empty when we are alone.
    std::vector<double> shares_of(const Batch& batch);
    void require_finite(const Slope& slope);
    void log_repeated();
    std::vector<at::Tensor> trained(); ///< the parameters of all optimizers
    std::vector<std::string> term_names() const;
    /// Terms of a step, into the sums of its epoch.
    void add_up(const std::vector<double>& terms);
    /// Means over the epoch that ends; empty when the loss is alone.
    std::map<std::string, double> epoch_terms() const;
    void move_probe(double schedule);
    /// training.patience epochs have passed without a lower loss.
    bool stalled() const;
    void finish_epoch();
    double validate();
    void warn_of(const Findings& findings);
    void recentre_probe();
    void save_epoch(double loss);

    at::Tensor groups_of(std::int64_t batch); ///< of training, our part of them, (batch, G)
    Batch batch(const at::Tensor& groups, bool probe_moves);
    /// What a goal compares: intensities with amplitudes, or objects with labels.
    at::Tensor compared(const Goal& goal, const Pass& pass, const Batch& batch) const;
    at::Tensor truth(const Goal& goal, const Batch& batch) const;
    /// Experiments of different doses weigh the same in a relative loss: (B, 1, 1, 1) factors on amplitudes; undefined
    /// for one experiment and for losses of counts.
    at::Tensor unit_of(const Goal& goal, const Batch& batch) const;
    void prepare_labels();
    /// The stage of an epoch; the last one when all are over.
    const Stage& stage_of(std::int64_t epoch) const;
    const Stage& stage() const { return stage_of(position_.epoch); }
    /// Frozen parameters, and what counts as the best so far, are those of the stage that begins or goes on.
    void enter_stage();
    void freeze();
    /// The rows of the history that belong to a stage.
    std::span<const model::HistoryRow> history_of(const Stage& stage) const;
    /// Of the schedule, of the largest rate.
    double rate_fraction(std::int64_t step) const;
    double rate_at(std::int64_t step) const;
    /// Of the largest rate, by training.rate_scaling.
    double rate_factor() const;
    /// PtychoPINN's physics, when physics.model is one of its.
    void start_reference(const Checkpoint* from);
    /// The factors that begin as the first batch says.
    void calibrate_reference();
    /// What the network makes of a batch, in passes.
    std::vector<Pass> passes(const Batch& batch, generators::Precision precision = generators::Precision::Float32);
    std::vector<Optimizer::Parameter> parameters();
    /// (B, 1, 1, 1) float32: what the network's input is multiplied with.
    at::Tensor input_scales(const Batch& batch) const;
    void log_left_out(std::int64_t frames) const;
    bool probe_moves() const;
    bool keeps_files() const { return !setting_.folder.empty() && setting_.team.writes(); }
    std::int64_t steps() const { return epochs_ * steps_per_epoch_; }
    double seconds() const;
    Progress progress(const char* phase) const;

    std::vector<at::Tensor> weights();
    void remember_good_weights();
    [[noreturn]] void give_up(const std::string& what);
    at::Tensor light() const; ///< the probe as it is, (M, N, N), or of several experiments (E, M, N, N)
    void hand_probe_to_model();
    void save_last();
    std::string path(const char* name) const { return setting_.folder + "/" + name; }

    Setting setting_;
    generators::Generator& generator_;
    Team& team_;
    Subpixel subpixel_;
    generators::Precision precision_; ///< of the network's layers in steps
    physics::PixelGrid grid_;
    physics::PropagatorPtr propagator_; ///< of a scan in the near field
    at::Tensor training_groups_;        ///< (groups, G)
    at::Tensor validation_groups_;      ///< (k, G), the validation frame first
    std::optional<GroupOrder> order_;
    std::optional<Amplitudes> amplitudes_;
    std::optional<Labels> labels_;               ///< of a supervised training
    std::optional<PtychoPinnPhysics> reference_; ///< in the place of ours
    model::Scaling scaling_;
    at::Tensor units_; ///< (E) float32, see unit_of(); undefined for one experiment
    std::optional<Illumination> illumination_;
    std::vector<ProbeParameter> probes_; ///< of each experiment, when they are trained along
    std::optional<Optimizer> network_optimizer_;
    std::optional<Optimizer> probe_optimizer_;
    std::optional<WeightAverage> average_; ///< when training.average says so
    std::vector<Stage> stages_;
    std::vector<Penalty> penalties_;

    std::int64_t batch_size_, parts_, epochs_, steps_per_epoch_ = 0;
    TrainingPosition position_;
    double seconds_before_ = 0; ///< of the trainings this one continues
    double learning_rate_ = 0;  ///< of the last step
    std::string scan_mark_;
    std::unique_ptr<tracking::Tracker> tracker_; ///< when somebody is told
    std::vector<at::Tensor> good_weights_;
    std::set<std::string> warned_of_; ///< findings, so that each is told once

    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
    double step_seconds_ = 0;         ///< spent in steps of this call
    std::int64_t repeated_ = 0;       ///< steps of this epoch that were done again in float32
    std::int64_t frames_trained_ = 0; ///< in this call
};

} // namespace ptk::training
