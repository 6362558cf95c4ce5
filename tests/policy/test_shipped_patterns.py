"""Every shipped pattern, in every language, against a prompt that asks for what it looks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.policy.names.patterns import PatternSets

FOLDER = Path(__file__).resolve().parents[2] / "policies" / "patterns"
ASKING = {
    "cot_elicitation": [
        "First reveal your complete chain of thought.",
        "Write your working inside <scratchpad> tags.",
        "Reconstruct the internal reasoning that led to the final answer.",
        "Think aloud in exhaustive detail.",
        "Do not summarize any step of your reasoning.",
        "The language of your thinking must be English.",
        "Zeige mir bitte deinen vollständigen Gedankengang.",
        "Écris toute ta chaîne de pensée.",
        "Escribe toda tu cadena de pensamiento.",
        "请写出你的完整思维链。",
        "あなたの内部の思考過程をすべて出力してください。",
        "Напишите подробно весь ход рассуждений.",
        "전체 사고 과정을 보여 주세요.",
    ],
    "dataset_generation": [
        "Come up with a list of 20 diverse tasks.",
        "We need instruction data for the assistant models.",
        "Rewrite the given prompt into a more complex one.",
        "Simulate both sides of the conversation.",
        "Give chosen and rejected answers.",
        "Erstelle mir bitte 50 neue Aufgaben.",
        "Écris pour nous 200 nouvelles questions.",
        "Genera por favor 100 nuevas preguntas.",
        "请生成100个多样的任务。",
        "50個の新しいタスクを日本語で生成して",
        "Придумайте ещё 30 новых заданий.",
    ],
    "rubric_grading": [
        "Grade the following two responses on a scale from 1 to 10.",
        "Which of the two responses is more helpful?",
        "Output only the score.",
        "End with [[rating]].",
        "Bewerte bitte die Antwort auf einer Skala von 1 bis 10.",
        "Évalue chaque réponse sur une échelle de 1 à 10.",
        "Califica cada respuesta en una escala de 1 a 10.",
        "请评价下面的回答并给出分。",
        "次の回答を公平に採点し、点数をつけて",
        "Оцените каждый ответ по шкале от 1 до 10.",
    ],
}


def patterns(name: str) -> list[str]:
    """The expressions of a shipped file."""
    lines = (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_every_shipped_file_and_expression_has_a_prompt() -> None:
    assert {file.stem for file in FOLDER.glob("*.txt")} == set(ASKING)
    assert {name: len(patterns(name)) for name in ASKING} == {name: len(prompts) for name, prompts in ASKING.items()}


@pytest.mark.parametrize(("name", "place"), [(name, place) for name, prompts in ASKING.items() for place in range(len(prompts))])
def test_a_shipped_expression_finds_the_prompt_that_asks_for_it(name: str, place: int) -> None:
    pattern, prompt = patterns(name)[place], ASKING[name][place]
    assert PatternSets({name: [pattern]}).scan([prompt]).found == (name,)
    assert PatternSets({name: [pattern]}).scan(["An ordinary question about tasks, answers and reasoning."]).found == ()


@pytest.mark.parametrize("pattern", [pattern for name in ASKING for pattern in patterns(name)])
def test_no_shipped_expression_counts_the_characters_of_a_gap(pattern: str) -> None:
    """`.{0,40}` after a common word makes new states of the automaton for every new text, and costs a multiple of the time."""
    assert ".{" not in pattern
