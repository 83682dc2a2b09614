// Progress and cancellation of every call that blocks.
#include "api.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <thread>

using namespace api;

namespace {

struct Blocking {
    const char* name;
    std::function<ptk_status(ptk_cancel*, ptk_progress_fn, void*)> run;
};

class Callbacks : public ::testing::Test {
protected:
    Context ctx = context();
    Experiment experiment{ctx};
    Dataset dataset = experiment.dataset(ctx);
    Config settings = config(quick);
    Model model;
    Reconstructor reconstructor;
    Canvas start;
    Canvas result;
    double error = 0;

    void SetUp() override
    {
        ok(ptk_config_set_int(settings, "reconstruction.batch_size", 4));
        ok(ptk_model_create(model.out(), ctx, Experiment::side, settings));
        ok(ptk_model_set_probe(model, &experiment.probe.view));
        ok(ptk_reconstructor_create(reconstructor.out(), ctx, model, settings));
        ok(ptk_reconstructor_reconstruct(start.out(), reconstructor, dataset, nullptr, nullptr, nullptr));
    }

    std::vector<Blocking> calls()
    {
        return {
            {"fit",
             [this](auto* c, auto f, void* u) {
                 Trainer trainer;
                 ok(ptk_trainer_create(trainer.out(), model, settings, nullptr));
                 return ptk_trainer_fit(trainer, dataset, c, f, u);
             }},
            {"reconstruct",
             [this](auto* c, auto f, void* u) {
                 return ptk_reconstructor_reconstruct(result.out(), reconstructor, dataset, c, f, u);
             }},
            {"refine",
             [this](auto* c, auto f, void* u) {
                 return ptk_reconstructor_refine(result.out(), reconstructor, dataset, start, c, f, u);
             }},
            {"refine from scratch",
             [this](auto* c, auto f, void* u) {
                 return ptk_reconstructor_refine(result.out(), reconstructor, dataset, nullptr, c, f, u);
             }},
            {"fourier_error",
             [this](auto* c, auto f, void* u) { return ptk_fourier_error(&error, start, dataset, c, f, u); }},
        };
    }
};

struct Seen {
    std::thread::id thread;
    std::atomic<int> inside{0};
    int calls = 0;
    bool well_formed = true;
};

TEST_F(Callbacks, ComeOnTheCallingThreadOneAtATimeAndWellFormed)
{
    for (const auto& call : calls()) {
        Seen seen;
        seen.thread = std::this_thread::get_id();
        const auto status = call.run(
            nullptr,
            [](const ptk_progress* p, void* user_data) {
                auto& s = *static_cast<Seen*>(user_data);
                s.well_formed &= ++s.inside == 1 && s.thread == std::this_thread::get_id();
                s.well_formed &= p->struct_size == static_cast<std::int64_t>(sizeof *p) && p->phase != nullptr &&
                                 std::strlen(p->phase) > 0;
                s.well_formed &=
                    p->step >= 0 && (p->steps == 0 || p->step <= p->steps) && p->epoch >= 0 && p->seconds >= 0;
                ++s.calls;
                --s.inside;
                return 0;
            },
            &seen);
        EXPECT_EQ(status, PTK_OK) << call.name << ": " << ptk_last_error_message();
        EXPECT_GT(seen.calls, 0) << call.name;
        EXPECT_TRUE(seen.well_formed) << call.name;
    }
}

TEST_F(Callbacks, NonZeroCancels)
{
    for (const auto& call : calls()) {
        int calls = 0;
        const auto status = call.run(
            nullptr, [](const ptk_progress*, void* user_data) { return ++*static_cast<int*>(user_data) == 1 ? 1 : 0; },
            &calls);
        EXPECT_EQ(status, PTK_ERR_CANCELLED) << call.name;
        EXPECT_EQ(calls, 1) << call.name << " went on";
        EXPECT_EQ(static_cast<ptk_canvas*>(result), nullptr) << call.name;
    }
}

TEST_F(Callbacks, FailureCarriesItsOwnMessage)
{
    for (const auto& call : calls()) {
        int calls = 0;
        const auto status = call.run(
            nullptr,
            [](const ptk_progress*, void* user_data) {
                ++*static_cast<int*>(user_data);
                ptk_set_error_message("KeyError: 'user bug'");
                return 1;
            },
            &calls);
        expect_error(status, PTK_ERR_CALLBACK);
        EXPECT_STREQ(ptk_last_error_message(), "KeyError: 'user bug'") << call.name;
    }
}

TEST_F(Callbacks, MayCallTheLibraryAndItsFailuresThereAreNotTheirs)
{
    const auto status = ptk_reconstructor_reconstruct(
        result.out(), reconstructor, dataset, nullptr,
        [](const ptk_progress*, void*) {
            Config config;
            EXPECT_EQ(ptk_config_from_json(config.out(), "{"), PTK_ERR_INVALID_CONFIG);
            return 1;
        },
        nullptr);
    expect_error(status, PTK_ERR_CANCELLED, {"ptk_reconstructor_reconstruct", "predict"});
}

TEST_F(Callbacks, ExceptionsOfCxxCallersBecomeAStatus)
{
    const auto status = ptk_reconstructor_refine(
        result.out(), reconstructor, dataset, start, nullptr,
        [](const ptk_progress*, void*) -> std::int32_t { throw std::runtime_error("thrown by the caller"); }, nullptr);
    expect_error(status, PTK_ERR_CALLBACK, {"thrown by the caller"});
}

TEST_F(Callbacks, RaisedFlagStopsBeforeTheWorkAndResetAllowsIt)
{
    Cancel cancel;
    ok(ptk_cancel_create(cancel.out()));
    for (const auto& call : calls()) {
        ptk_cancel_request(cancel);
        EXPECT_EQ(call.run(cancel, nullptr, nullptr), PTK_ERR_CANCELLED) << call.name;
        ptk_cancel_reset(cancel);
        EXPECT_EQ(call.run(cancel, nullptr, nullptr), PTK_OK) << call.name << ": " << ptk_last_error_message();
    }
}

TEST_F(Callbacks, AnotherThreadCancelsTraining)
{
    Cancel cancel;
    ok(ptk_cancel_create(cancel.out()));
    ok(ptk_config_set_int(settings, "training.epochs", 100000));
    Trainer trainer;
    ok(ptk_trainer_create(trainer.out(), model, settings, nullptr));
    std::atomic<bool> started{false};
    std::thread other([&] {
        while (!started)
            std::this_thread::yield();
        ptk_cancel_request(cancel);
    });
    const auto status = ptk_trainer_fit(
        trainer, dataset, cancel,
        [](const ptk_progress* p, void* user_data) {
            if (std::strcmp(p->phase, "train") == 0 && p->step > 1)
                *static_cast<std::atomic<bool>*>(user_data) = true;
            return 0;
        },
        &started);
    started = true;
    other.join();
    expect_error(status, PTK_ERR_CANCELLED, {"ptk_trainer_fit"});
}

ptk_cancel* signalled = nullptr;

TEST_F(Callbacks, SignalHandlerCancelsAndTheModelStaysUsable)
{
    Cancel cancel;
    ok(ptk_cancel_create(cancel.out()));
    signalled = cancel;
    const auto old = std::signal(SIGUSR1, [](int) { ptk_cancel_request(signalled); });
    Trainer trainer;
    ok(ptk_trainer_create(trainer.out(), model, settings, nullptr));
    const auto status = ptk_trainer_fit(
        trainer, dataset, cancel,
        [](const ptk_progress* p, void*) { return std::strcmp(p->phase, "train") == 0 ? std::raise(SIGUSR1) : 0; },
        nullptr);
    std::signal(SIGUSR1, old);
    EXPECT_EQ(status, PTK_ERR_CANCELLED);
    ok(ptk_reconstructor_reconstruct(result.out(), reconstructor, dataset, nullptr, nullptr, nullptr));
    const auto object = read<Complex>(result, "object");
    EXPECT_TRUE(std::all_of(object.values.begin(), object.values.end(),
                            [](Complex c) { return std::isfinite(c.real()) && std::isfinite(c.imag()); }));
}

} // namespace
