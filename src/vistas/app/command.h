// A command of the program: what it says about itself, its options and what it does.
#pragma once

#include <CLI/CLI.hpp>
#include <atomic>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace vistas::app {

// What every command gets.
struct Context {
  std::string json_path;  // --json FILE, "-" for standard output; empty if not asked for
  bool color = false;     // standard output is a terminal that wants colour
  bool terminal = false;  // standard error is a terminal
  int width = 100;        // of the terminal
  bool silent = false;    // another process of the group speaks

  // Standard output belongs to the JSON result alone, or to another process.
  bool quiet() const { return silent || json_path == "-"; }
  // Prints for people, unless standard output belongs to the JSON.
  void print(const std::string& text) const;
  // Writes the machine-readable result where --json asked for it.
  void write_json(const nlohmann::json& result) const;
};

struct Command {
  std::string name;
  std::string sentence;               // one sentence
  std::vector<std::string> examples;  // whole command lines, run by the tests in this order
  // Adds the options to `app` and returns what runs after parsing; the result is the exit code.
  std::function<std::function<int(const Context&)>(CLI::App& app)> setup;
  // Whether several processes may run it, each with a share of the work; the first one speaks and
  // writes.
  bool shares = false;
};

// All commands in the order of the help.
const std::vector<Command>& commands();

// Set by SIGINT and SIGTERM; a second signal ends the program at once.
const std::atomic<bool>& stop_flag();
// 128 + the signal's number; 0 if there was none.
int signal_exit_code();

Command train_command();
Command eval_command();
Command embed_command();
Command near_command();
Command mine_command();
Command paraphrases_command();
Command vocab_command();
Command export_command();
Command recommend_command();
Command similar_command();
Command baseline_command();
Command compare_command();
Command choose_views_command();
Command tune_command();
Command detect_command();
Command segment_command();
Command views_command();
Command info_command();
Command pack_command();
Command doctor_command();
Command bench_command();
Command demo_command();

}  // namespace vistas::app
