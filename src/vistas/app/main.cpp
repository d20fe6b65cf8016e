#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <optional>

#include "vistas/app/command.h"
#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/base/options.h"
#include "vistas/learn/group.h"

namespace vistas::app {
namespace {

std::atomic<bool> stop{false};
std::atomic<int> stop_signal{0};

void on_signal(int number) {
  if (stop.exchange(true)) std::_Exit(128 + number);
  stop_signal = number;
}

void install_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGXFSZ, SIG_IGN);  // a write beyond the limit of file sizes fails as on a full disk
}

int terminal_width() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20) return size.ws_col;
  return 100;
}

std::string footer(const Command& command) {
  std::string text = "Examples:\n";
  for (const std::string& example : command.examples) text += "  " + example + "\n";
  return text;
}

int report(const std::string& message, int code) {
  fmt::print(stderr, "vistas: {}\n", message);
  return code;
}

std::string unknown(const std::string& kind, const std::string& name,
                    const std::vector<std::string>& names) {
  const std::string hint = did_you_mean(name, names);
  return fmt::format("unknown {} '{}'{}{}", kind, name, hint.empty() ? "" : ". ", hint);
}

// What to say about the first option that neither `command` nor its action has; empty if there is
// none.
std::string unknown_option(const CLI::App& command) {
  std::vector<const CLI::App*> apps{&command};
  for (const CLI::App* action : command.get_subcommands()) apps.push_back(action);
  std::vector<std::string> names;
  for (const CLI::App* app : apps) {
    for (const CLI::Option* option : app->get_options()) names.push_back(option->get_name());
  }
  for (const std::string& word : command.remaining_for_passthrough(true)) {
    if (word.size() < 2 || word[0] != '-') continue;
    const std::string name = word.substr(0, word.find('='));
    return unknown("option", name, names);
  }
  return "";
}

int usage_error(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  std::string message = error.what();
  if (argc > 1 && app.get_subcommands().empty() && argv[1][0] != '-') {
    std::vector<std::string> names;
    for (const Command& c : commands()) names.push_back(c.name);
    message = unknown("command", argv[1], names);
  }
  std::string help = "vistas --help";
  if (!app.get_subcommands().empty()) {
    const CLI::App& command = *app.get_subcommands().front();
    help = "vistas " + command.get_name() + " --help";
    const auto actions = command.get_subcommands();
    const std::string option = unknown_option(command);
    std::vector<std::string> names;
    for (const CLI::App* action : command.get_subcommands(nullptr)) {
      names.push_back(action->get_name());
    }
    if (!actions.empty()) {
      help = fmt::format("vistas {} {} --help", command.get_name(), actions.front()->get_name());
    } else if (!names.empty()) {
      const bool named = argc > 2 && argv[2][0] != '-';
      message = fmt::format("{}expected one of {}",
                            named ? fmt::format("unknown action '{}': ", argv[2]) : "",
                            fmt::join(names, ", "));
    }
    if (!option.empty()) message = option;
  }
  return report(fmt::format("{}\nSee `{}`", message, help), static_cast<int>(ErrorKind::usage));
}

int run(int argc, char** argv) {
  CLI::App app{
      "vistas learns encoders from data without labels by comparing views of it, measures\n"
      "them, searches with them and hands them on.",
      "vistas"};
  app.set_version_flag("--version", "vistas " VISTAS_VERSION);
  app.require_subcommand(1);
  app.footer(
      "`vistas COMMAND --help` tells the options of a command.\n"
      "Examples:\n"
      "  vistas train photos/ --out runs/a\n"
      "  vistas eval runs/a --data labelled/\n"
      "  vistas near runs/a photos/cat.jpg --in photos/ -k 5\n"
      "Exit codes: 0 done, 2 usage or configuration, 3 data, 4 numeric, 5 resource, "
      "128+n signal.");
  Context context;
  context.terminal = isatty(STDERR_FILENO) != 0;
  context.color = isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
  context.width = terminal_width();
  int code = 0;
  for (const Command& command : commands()) {
    CLI::App* sub = app.add_subcommand(command.name, command.sentence);
    const auto run_command = command.setup(*sub);
    sub->add_option("--json", context.json_path,
                    "write the result as JSON to FILE, or - for "
                    "standard output")
        ->type_name("FILE")
        ->group("Output");
    sub->footer(footer(command));
    sub->callback([&, run_command] {
      std::optional<learn::Membership> membership;
      if (const auto place = learn::place_from_environment()) {
        if (!command.shares) {
          throw Error(ErrorKind::usage,
                      {.what = fmt::format("vistas {} in {} processes", command.name, place->size),
                       .expected = "one process, or train, eval, embed, near, segment or detect"});
        }
        membership.emplace(*place);
        context.silent = !learn::Group::current().first();
      }
      code = run_command(context);
    });
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    return usage_error(app, e, argc, argv);
  }
  return code;
}

}  // namespace

void Context::print(const std::string& text) const {
  if (!quiet()) std::cout << text << std::flush;
}

void Context::write_json(const nlohmann::json& result) const {
  if (json_path.empty() || silent) return;
  const std::string text = result.dump(2) + "\n";
  if (json_path == "-") {
    std::cout << text << std::flush;
  } else {
    write_file_atomic(json_path, text);
  }
}

const std::atomic<bool>& stop_flag() {
  return stop;
}
int signal_exit_code() {
  return stop_signal == 0 ? 0 : 128 + stop_signal;
}

const std::vector<Command>& commands() {
  static const std::vector<Command> all = {
      train_command(),        eval_command(),        embed_command(),    near_command(),
      mine_command(),         paraphrases_command(), vocab_command(),    export_command(),
      recommend_command(),    similar_command(),     baseline_command(), compare_command(),
      choose_views_command(), tune_command(),        detect_command(),   segment_command(),
      views_command(),        info_command(),        pack_command(),     doctor_command(),
      bench_command(),        demo_command()};
  return all;
}

}  // namespace vistas::app

// What jemalloc reads at the start. Freed activations of one step serve the next one: handing them
// back to the system between steps costs a page fault for every 4 KiB.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "dirty_decay_ms:-1,muzzy_decay_ms:-1,oversize_threshold:0";
}

int main(int argc, char** argv) {
  using vistas::app::report;
  vistas::app::install_signals();
  try {
    return vistas::app::run(argc, argv);
  } catch (const vistas::Error& error) {
    return report(error.what(), error.exit_code());
  } catch (const c10::Error& error) {
    return report(error.what_without_backtrace(), 5);
  } catch (const std::bad_alloc&) {
    return report("out of memory. Use a smaller train.batch or views.size", 5);
  } catch (const std::exception& error) {
    return report(error.what(), 5);
  }
}
