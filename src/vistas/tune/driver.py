"""Optuna behind a pipe: a line of JSON asks, a line of JSON answers.

`vistas tune` starts this in the folder of a study, with Python's path to Optuna; sampler.cpp asks.
The trials are in study.db, which `optuna-dashboard sqlite:///study.db` opens.
"""
import json
import sys
import warnings

import optuna
from optuna.trial import TrialState

STATES = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed",
          TrialState.RUNNING: "running"}
FEW = 4  # complete trials, with which importances say nothing


class Search:
    def __init__(self, space, first, sampler, pruner, seed, trials):
        self.space = space
        self.study = optuna.create_study(
            storage="sqlite:///study.db", study_name="vistas", direction="maximize",
            load_if_exists=True, pruner=self.pruner(pruner))
        begun = len(self.study.trials)
        # Not the draws of the trials before, when a study goes on.
        self.study.sampler = self.sampler(sampler, seed + begun, trials)
        if begun == 0:
            for values in first:
                self.study.enqueue_trial(values)
        # Those that a call before this one has left.
        self.trials = {trial.number: optuna.trial.Trial(self.study, trial._trial_id)
                       for trial in self.study.get_trials(states=(TrialState.RUNNING,))}

    @staticmethod
    def sampler(name, seed, trials):
        if name == "random":
            return optuna.samplers.RandomSampler(seed=seed)
        return optuna.samplers.TPESampler(
            seed=seed, multivariate=True, constant_liar=True,
            n_startup_trials=max(4, min(10, trials // 4)))

    @staticmethod
    def pruner(name):
        if name == "halving":
            return optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)
        if name == "median":
            return optuna.pruners.MedianPruner()
        return optuna.pruners.NopPruner()

    def values(self, trial):
        return {name: trial.params[name] for name in self.space if name in trial.params}

    def unfinished(self):
        return {"trials": [{"trial": number, "values": self.values(trial)}
                           for number, trial in sorted(self.trials.items())]}

    def ask(self):
        trial = self.study.ask()
        self.trials[trial.number] = trial
        for name, d in self.space.items():
            if "choices" in d:
                trial.suggest_categorical(name, d["choices"])
            elif d["whole"]:
                trial.suggest_int(name, int(d["low"]), int(d["high"]), log=d["log"])
            else:
                trial.suggest_float(name, d["low"], d["high"], log=d["log"])
        return {"trial": trial.number, "values": self.values(trial)}

    def report(self, trial, rung, value):
        self.trials[trial].report(value, rung)
        return {"prune": self.trials[trial].should_prune()}

    def tell(self, trial, state, notes, value=None):
        done = self.trials.pop(trial)
        for name, note in notes.items():
            done.set_user_attr(name, note)
        self.study.tell(trial, value, state=next(s for s, name in STATES.items() if name == state))
        return {}

    def table(self):
        rows = []
        for trial in self.study.get_trials(states=tuple(STATES)):
            row = {"trial": trial.number, "state": STATES[trial.state],
                   "values": self.values(trial), "notes": trial.user_attrs}
            if trial.state is TrialState.COMPLETE:
                row["value"] = trial.value
            elif trial.intermediate_values:
                row["value"] = trial.intermediate_values[max(trial.intermediate_values)]
            rows.append(row)
        return {"trials": rows}

    def importance(self):
        complete = self.study.get_trials(states=(TrialState.COMPLETE,))
        if len(complete) <= FEW or len({trial.value for trial in complete}) == 1:
            return {"importance": {}}
        return {"importance": optuna.importance.get_param_importances(
            self.study, evaluator=optuna.importance.PedAnovaImportanceEvaluator())}


def main():
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    search = None
    for line in sys.stdin:
        question = json.loads(line)
        name = question.pop("ask")
        try:
            if name == "begin":
                search = Search(**question)
                answer = search.unfinished()
            else:
                answer = {"suggest": lambda: search.ask(), "report": lambda: search.report(**question),
                          "tell": lambda: search.tell(**question), "table": lambda: search.table(),
                          "importance": lambda: search.importance()}[name]()
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error.__cause__ or error}".split("\n")[0]}
        print(json.dumps(answer), flush=True)


main()
