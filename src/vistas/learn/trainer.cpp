#include "vistas/learn/trainer.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "vistas/base/clock.h"
#include "vistas/base/error.h"
#include "vistas/base/threads.h"
#include "vistas/learn/gradient_cache.h"
#include "vistas/learn/precision.h"
#include "vistas/learn/recompute.h"
#include "vistas/learn/tensors.h"

namespace vistas::learn {
namespace {

Error not_finite(int64_t step, const std::string& what) {
  return {ErrorKind::numeric,
          {.what = fmt::format("step {}: {} not finite", step, what),
           .fix = "Lower schedule.lr, lengthen schedule.warmup_epochs, or try "
                  "--set train.precision=fp32"}};
}

void check_group(const TrainOptions& o, const at::Device& device) {
  const int64_t processes = Group::current().size();
  if (o.batch < processes) {
    throw Error(ErrorKind::usage,
                {.what = "train.batch, which the processes share",
                 .got = fmt::format("{} samples, {} processes", o.batch, processes),
                 .expected = "a sample or more for each"});
  }
  if (processes > 1 && device.is_cuda() && !Group::has_nccl()) {
    throw Error(ErrorKind::usage,
                {.what = "train.device with several processes",
                 .got = device.str() + ", in a build without NCCL",
                 .expected = "cpu",
                 .fix = "Start one process, or --device cpu; ./dev build on a machine with a GPU "
                        "brings NCCL"});
  }
  if (processes > 1 && o.micro_tokens > 0) {
    throw Error(ErrorKind::usage, {.what = "train.micro_tokens with several processes",
                                   .fix = "Use train.micro_batch"});
  }
}

// Tensors of the method that are not the encoder's, named "method.<name>".
NamedTensors method_state(const Method& method) {
  std::vector<const void*> encoder;
  for (const auto& [name, tensor] : named_tensors(*method.encoder())) {
    encoder.push_back(tensor.unsafeGetTensorImpl());
  }
  NamedTensors out;
  for (const auto& [name, tensor] : named_tensors(method)) {
    const void* impl = tensor.unsafeGetTensorImpl();
    if (std::find(encoder.begin(), encoder.end(), impl) == encoder.end()) {
      out.emplace_back(name, tensor);
    }
  }
  return out;
}

nlohmann::json to_json(const StepReport& r) {
  return {{"step", r.step},
          {"epoch", r.epoch},
          {"loss", r.loss},
          {"lr", r.learning_rate},
          {"samples_per_s", std::round(r.samples_per_second * 10) / 10},
          {"waiting", std::round(r.waiting * 1e4) / 1e4},
          {"std", r.health.std},
          {"std_expected", r.health.std_expected},
          {"effective_rank", r.health.effective_rank},
          {"alignment", r.health.alignment},
          {"uniformity", r.health.uniformity},
          {"positive_similarity", r.health.positive_similarity},
          {"negative_similarity", r.health.negative_similarity},
          {"gradient_norm", r.health.gradient_norm}};
}

// Micro-batches of different sizes would have batch norms of different quality.
void check_micro_batch(int64_t batch, int64_t micro_batch) {
  if (micro_batch == 0 || batch % micro_batch == 0) return;
  int64_t divisor = std::min(batch, micro_batch);
  while (batch % divisor != 0) --divisor;
  throw Error(ErrorKind::usage,
              {.what = "train.batch is no multiple of train.micro_batch",
               .got = fmt::format("{} and {}", batch, micro_batch),
               .fix = fmt::format("Use a divisor of the batch: --set train.micro_batch={}, or 0 "
                                  "for the whole batch at once",
                                  divisor)});
}

}  // namespace

Trainer::Trainer(TrainParts parts)
    : parts_(std::move(parts)),
      device_(choose_device(parts_.train.device)),
      precision_(choose_precision(parts_.train.precision, device_)) {
  const TrainOptions& o = parts_.train;
  per_epoch_ = Loader::steps_per_epoch(parts_.data->size(), o.batch);
  if (parts_.data->size() < 2) {
    throw Error(ErrorKind::data, {.what = "training compares samples with each other",
                                  .got = fmt::format("{} sample", parts_.data->size()),
                                  .expected = "2 or more"});
  }
  if (per_epoch_ == 0) {
    throw Error(
        ErrorKind::usage,
        {.what = "train.batch is larger than the data",
         .got = fmt::format("{} of {} samples", o.batch, parts_.data->size()),
         .fix = fmt::format("Use a smaller batch: --set train.batch={}", parts_.data->size())});
  }
  if (ranks() == 1) check_micro_batch(o.batch, o.micro_batch);
  check_group(o, device_);
  if (o.micro_batch > 0 && o.micro_tokens > 0) {
    throw Error(ErrorKind::usage,
                {.what = "train.micro_batch and train.micro_tokens", .expected = "one of them"});
  }
  total_ = o.steps > 0 ? o.steps : o.epochs * per_epoch_;
  Method& method = *parts_.method;
  method.to(device_);
  const at::NoGradGuard no_grad;
  for (at::Tensor& p : method.parameters()) {
    if (p.dim() == 4) p.set_data(p.contiguous(at::MemoryFormat::ChannelsLast));
  }
  const NamedTensors parameters = trained_parameters();
  exchange_ = std::make_unique<GradientExchange>(ranks() > 1 ? parameters : NamedTensors{});
  optimizer_ = make_optimizer(parts_.optimizer, parameters);
  for (const auto& [name, p] : parameters) {
    if (method.keeps_peak_rate(name)) optimizer_->keep_rate(name, peak_learning_rate());
  }
  learning_rate_ = std::make_unique<LearningRate>(parts_.schedule, peak_learning_rate(), total_,
                                                  static_cast<double>(per_epoch_));
}

// Those that take gradients, after the frozen ones have been made to take none.
NamedTensors Trainer::trained_parameters() const {
  const auto all = parts_.method->named_parameters();
  for (const std::string& prefix : parts_.train.frozen) {
    int64_t matches = 0;
    for (const auto& item : all) {
      if (!item.key().starts_with(prefix)) continue;
      at::Tensor(item.value()).set_requires_grad(false);
      ++matches;
    }
    if (matches == 0) {
      std::vector<std::string> names = all.keys();
      throw Error(ErrorKind::usage, {.what = "train.frozen: no parameter begins with this",
                                     .got = prefix,
                                     .fix = did_you_mean(prefix, names)});
    }
  }
  NamedTensors trained;
  for (const auto& item : all) {
    if (item.value().requires_grad()) trained.emplace_back(item.key(), item.value());
  }
  return trained;
}

double Trainer::peak_learning_rate() const {
  const ScheduleOptions& s = parts_.schedule;
  return scale_learning_rate(s.lr, parts_.train.batch, s.lr_scaling);
}

LoaderOptions Trainer::loader_options() const {
  const int64_t threads = parts_.train.loader_threads;
  return {.batch = parts_.train.batch,
          .micro_batch = parts_.train.micro_batch,
          .micro_cost = parts_.train.micro_tokens,
          .seed = static_cast<uint64_t>(parts_.train.seed),
          .threads = threads > 0 ? static_cast<int>(threads) : available_cores(),
          .first_step = step_,
          .end_step = total_,
          .rank = rank(),
          .ranks = ranks()};
}

// The embeddings of a batch in float32 or better; a function of weights, views and key.
Embeddings Trainer::embed(const Batch& batch) {
  at::manual_seed(rank() == 0 ? batch.key : mix(batch.key, static_cast<uint64_t>(rank())));
  Embeddings z;
  {
    const AutocastScope autocast(device_, precision_);
    const RecomputeScope recompute(parts_.train.recompute);
    z = parts_.method->embed(batch);
    recomputable_ = recompute.segments() > 0;
    if (parts_.train.recompute && !recomputable_) {
      throw Error(ErrorKind::usage, {.what = "train.recompute",
                                     .got = "an encoder without parts that can be recomputed",
                                     .expected = "a ResNet, a ViT or a transformer"});
    }
  }
  for (auto* side : {&z.live, &z.fixed}) {
    for (auto& t : *side) t = t.to(at::promoteTypes(t.scalar_type(), at::kFloat));
  }
  return z;
}

// The loss, and its gradients in the live embeddings and in parameters of its own.
double Trainer::send_loss_back(const GatheredBatch& whole) {
  const at::Tensor loss = parts_.method->loss(whole.embeddings, whole.batch);
  const double value = loss.item<double>();
  if (!std::isfinite(value)) throw not_finite(step_, "the loss is");
  if (std::isnan(first_loss_)) first_loss_ = value;
  loss.backward();
  return value;
}

// One optimiser step; returns the loss and, if asked for, the embeddings.
double Trainer::train_step(Loader& loader, Embeddings* embeddings) {
  Method& method = *parts_.method;
  auto before = Clock::now();
  const auto lap = [&before] {
    const auto now = Clock::now();
    return std::chrono::duration<double>(now - std::exchange(before, now)).count();
  };
  const double waited = loader.waited();
  method.begin_step(progress());
  optimizer_->zero_grad();
  const MicroBatches micro_batches{.count = loader.parts(),
                                   .next = [&] { return loader.next().to(device_); },
                                   .embed = [&](const Batch& b) { return embed(b); }};
  EmbeddedBatch own = embed_micro_batches(micro_batches);
  const double waiting = loader.waited() - waited;
  step_times_.waiting += waiting;
  step_times_.forward += lap() - waiting;
  const GatheredBatch whole =
      ranks() > 1 ? gather(own) : GatheredBatch{own.batch, own.embeddings, {}};
  if (!Group::current().alone()) at::manual_seed(whole.batch.key);
  const double value = send_loss_back(whole);
  exchange_->keep_loss_gradients();
  if (ranks() > 1) hand_back(whole, own);
  step_times_.loss += lap();
  try {
    replay_micro_batches(method, micro_batches, own, [&](const std::vector<at::Tensor>& outputs) {
      exchange_->begin(outputs);
    });
    exchange_->finish();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    if (Group::current().alone()) throw;
    throw group_error(error);
  }
  step_times_.backward += lap();
  if (embeddings != nullptr) *embeddings = whole.embeddings;
  const OptimizerOptions& o = parts_.optimizer;
  if (o.final_weight_decay >= 0) {
    optimizer_->set_weight_decay(
        cosine_between(step_, o.weight_decay, o.final_weight_decay, total_));
  }
  optimizer_->step(learning_rate_->at(step_));
  ++step_;
  method.after_step(progress());
  step_times_.optimizer += lap();
  return value;
}

// Whether the encoder that is about to be saved still makes numbers of a few samples. It looks as
// in use, which changes nothing in it.
void Trainer::check_usable() const {
  std::vector<int64_t> samples(static_cast<size_t>(std::min<int64_t>(4, parts_.data->size())));
  std::iota(samples.begin(), samples.end(), 0);
  const Inputs view = parts_.data->make(samples, 0).views.front().to(device_);
  Method& method = *parts_.method;
  const at::NoGradGuard no_grad;
  const AutocastScope autocast(device_, precision_);
  method.eval();
  const at::Tensor features = method.encoder()->forward(view);
  method.train();
  if (!at::isfinite(features).all().item<bool>()) {
    throw not_finite(step_, "the encoder's features are");
  }
}

void Trainer::save(const RunFolder& run, bool best) {
  const auto write = [&](const std::filesystem::path& folder) {
    const Method& method = *parts_.method;
    save_tensors(folder / "encoder.safetensors", named_tensors(*method.encoder()));
    for (const auto& [name, content] : parts_.encoder_files) {
      write_file_atomic(folder / name, content);
    }
    NamedTensors state;
    for (const auto& [name, tensor] : method_state(method))
      state.emplace_back("method." + name, tensor);
    for (const auto& [name, tensor] : optimizer_->state()) {
      state.emplace_back("optimizer." + name, tensor);
    }
    save_tensors(folder / "state.safetensors", state);
    const nlohmann::json progress = {
        {"step", step_}, {"total", total_}, {"best_score", best_score_}, {"best_step", best_step_}};
    write_file_atomic(folder / "progress.json", progress.dump(2) + "\n");
  };
  const int64_t keep_steps = parts_.train.keep_every * per_epoch_;
  run.save_checkpoint(step_, best, write,
                      [&](int64_t step) { return keep_steps > 0 && step % keep_steps == 0; });
}

void Trainer::resume(const RunFolder& run) {
  const std::filesystem::path folder = run.checkpoint("last");
  const auto progress = nlohmann::json::parse(read_file(folder / "progress.json"));
  if (progress.at("total") != total_) {
    throw Error(ErrorKind::data, {.what = folder.string() + ": the run has another length",
                                  .got = fmt::format("{} steps", int64_t{progress.at("total")}),
                                  .expected = fmt::format("{}", total_),
                                  .fix = "Its data has changed; start a new run"});
  }
  step_ = progress.at("step");
  best_score_ = progress.at("best_score");
  best_step_ = progress.value("best_step", int64_t{0});
  load_into(TensorFile(folder / "encoder.safetensors"), "",
            named_tensors(*parts_.method->encoder()));
  const TensorFile state(folder / "state.safetensors");
  load_into(state, "method.", method_state(*parts_.method));
  const NamedTensors moments = optimizer_->state();
  load_into(state, "optimizer.", moments);
  optimizer_->load_state(moments, step_);
  run.cut_metrics(step_);
}

namespace {

std::vector<int64_t> list(const at::Tensor& t) {
  return {t.const_data_ptr<int64_t>(), t.const_data_ptr<int64_t>() + t.numel()};
}

}  // namespace

// All processes stand where the first one does.
void Trainer::start_together() {
  const Group& group = Group::current();
  if (group.alone()) return;
  const at::Tensor of_all =
      group.gather(at::tensor({total_, parts_.data->size(), parameters()}, at::kLong));
  if (!(of_all == of_all[0]).all().item<bool>()) {
    throw Error(
        ErrorKind::usage,
        {.what = "the processes of the group train different things",
         .got = fmt::format("steps, samples, parameters {} in the first, {} in the last",
                            fmt::join(list(of_all[0]), ", "), fmt::join(list(of_all[-1]), ", ")),
         .expected = "one recipe and the same data everywhere"});
  }
  NamedTensors state = named_tensors(*parts_.method);
  const NamedTensors moments = optimizer_->state();
  state.insert(state.end(), moments.begin(), moments.end());
  for (auto& [name, t] : state) group.broadcast_(t);
  step_ = static_cast<int64_t>(group.broadcast(static_cast<double>(step_)));
  best_score_ = group.broadcast(best_score_);
  best_step_ = static_cast<int64_t>(group.broadcast(static_cast<double>(best_step_)));
  optimizer_->load_state(moments, step_);
}

StepReport Trainer::report(const Interval& interval, const Embeddings& embeddings) const {
  StepReport r;
  r.epoch = (step_ - 1) / per_epoch_ + 1;
  r.epochs = (total_ - 1) / per_epoch_ + 1;
  r.step = step_;
  r.total = total_;
  r.loss = interval.loss / static_cast<double>(interval.steps);
  r.learning_rate = learning_rate_->at(step_ - 1);
  r.samples_per_second =
      static_cast<double>(interval.steps * parts_.train.batch) / interval.seconds;
  r.waiting = interval.waited / interval.seconds;
  r.health = measure_health(embeddings, optimizer_->gradient_norm(), parts_.method->collapse(),
                            {.first = first_loss_, .now = r.loss, .settled = step_ > total_ / 10});
  return r;
}

int64_t Trainer::steps_between_scores() const {
  const double wanted = parts_.train.score_every * static_cast<double>(per_epoch_);
  return parts_.score && wanted > 0 ? std::max<int64_t>(1, std::llround(wanted)) : 0;
}

bool Trainer::done() const {
  const int64_t patience = parts_.train.patience * steps_between_scores();
  return step_ >= total_ || (patience > 0 && step_ - best_step_ >= patience);
}

// The online score where one is due; whether it is the best so far.
bool Trainer::score(const RunFolder* run, TrainObserver& observer) {
  const int64_t every = steps_between_scores();
  if (every == 0 || (step_ != total_ && step_ % every != 0)) return false;
  Method& method = *parts_.method;
  method.eval();
  const double score = Group::current().broadcast(parts_.score(*method.encoder()));
  method.train();
  const bool best = score > best_score_;
  if (best) {
    best_score_ = score;
    best_step_ = step_;
  }
  if (run != nullptr) {
    run->append_metrics(nlohmann::json{{"step", step_}, {"online_score", score}}.dump());
  }
  observer.on_message(fmt::format("step {}: {} {:.2f} %{}", step_, parts_.score_name, 100 * score,
                                  best ? " (best so far)" : ""));
  return best;
}

TrainResult Trainer::run(const RunFolder* run, TrainObserver& observer,
                         const std::atomic<bool>& stop) {
  const TrainOptions& o = parts_.train;
  parts_.method->train();
  if (const int64_t kept = parts_.method->remembered(); kept > parts_.data->size() / 4) {
    observer.on_message(
        fmt::format("the method remembers {} embeddings, more than a quarter of the {} samples: "
                    "samples meet their own old embeddings. Set method.queue (or method.memory) "
                    "to {} or less",
                    kept, parts_.data->size(), parts_.data->size() / 4));
  }
  start_together();
  Loader loader(parts_.data, loader_options());
  TrainResult result;
  const int64_t first = step_;
  const auto start = Clock::now();
  auto interval_start = start;
  double waited_before = 0;
  Interval interval;
  std::string last_verdict;
  if (run != nullptr && !run->has_checkpoint()) save(*run, false);  // resumable from the first step
  while (!done() && !result.stopped) {
    const bool report_due = (step_ + 1) % o.log_every == 0 || step_ + 1 == total_;
    Embeddings embeddings;
    interval.loss += train_step(loader, report_due ? &embeddings : nullptr);
    ++interval.steps;
    if (report_due) {
      interval.seconds = seconds_since(interval_start);
      interval.waited = loader.waited() - waited_before;
      StepReport r = report(interval, embeddings);
      r.seconds_left = seconds_since(start) / static_cast<double>(step_ - first) *
                       static_cast<double>(total_ - step_);
      if (run != nullptr) run->append_metrics(to_json(r).dump());
      observer.on_report(r);
      if (!r.health.verdict.empty() && r.health.verdict != last_verdict) {
        const std::string text =
            fmt::format("step {}: {}. {}", step_, r.health.verdict, r.health.cure);
        if (run != nullptr) run->log(text);
        observer.on_message(text);
      }
      last_verdict = r.health.verdict;
      result.loss = r.loss;
      interval = {};
      interval_start = Clock::now();
      waited_before = loader.waited();
    }
    const bool best = score(run, observer);
    const bool epoch_end = step_ % per_epoch_ == 0;
    result.stopped = Group::current().any(stop) && !done();
    const bool save_due = done() || result.stopped || best ||
                          (epoch_end && step_ / per_epoch_ % o.checkpoint_every == 0);
    if (save_due) check_usable();
    if (run != nullptr && save_due) save(*run, best);
  }
  Group::current().any(false);  // what the first one has written is there for all
  result.step = step_;
  result.seconds = seconds_since(start);
  result.samples_per_second = static_cast<double>((step_ - first) * o.batch) / result.seconds;
  result.waiting = loader.waited() / result.seconds;
  result.best_score = best_score_;
  if (step_ < total_ && done()) {
    observer.on_message(
        fmt::format("stopped after {} scores without a better one than {:.2f} % at step {}",
                    o.patience, 100 * best_score_, best_step_));
  }
  return result;
}

}  // namespace vistas::learn
