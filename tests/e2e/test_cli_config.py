"""`shannon config show`: what holds, and where it came from."""
import pytest

from cli_support import Shannon


@pytest.fixture
def program(tmp_path):
    return Shannon(tmp_path)


def settings(program, *words, **options):
    result = program("config", "show", "--json", *words, **options)
    assert (result.status, result.stderr) == (0, ""), result
    return result.json


def test_defaults(program):
    found = settings(program)
    assert found["wasi.execution_timeout_ms"]["value"] == "30000"
    assert found["wasi.memory_limit_bytes"]["value"] == "268435456"
    assert found["orchestrator.port"]["value"] == "8080"
    assert {entry["origin"] for entry in found.values()} == {"default"}
    assert all(entry["description"] for entry in found.values())


def test_each_origin(program, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "shannon.yaml").write_text("llm:\n  port: 9000\n  host: 127.0.0.2\norchestrator:\n  port: 9001\n")
    (tmp_path / ".env").write_text("# a line\nSHANNON_LLM_PORT=9002\n")
    found = settings(program, environ={"SHANNON_ORCHESTRATOR_PORT": "9003"})
    assert found["llm.host"] == {**found["llm.host"], "value": "127.0.0.2", "origin": "config/shannon.yaml:3"}
    assert (found["llm.port"]["value"], found["llm.port"]["origin"]) == ("9002", ".env:2")
    assert found["orchestrator.port"]["value"] == "9003"
    assert "SHANNON_ORCHESTRATOR_PORT" in found["orchestrator.port"]["origin"]


def test_named_file(program, tmp_path):
    (tmp_path / "mine.yaml").write_text("llm:\n  port: 9000\n")
    assert settings(program, "--config", "mine.yaml")["llm.port"]["origin"] == "mine.yaml:2"


def test_secret_is_not_shown(program):
    for words in (["config", "show"], ["config", "show", "--json"]):
        result = program(*words, environ={"OPENAI_API_KEY": "sk-very-secret"})
        assert result.status == 0
        assert "sk-very-secret" not in result.stdout
        assert "***" in result.stdout


def test_text_has_every_setting(program):
    text = program("config", "show").stdout
    for name in settings(program):
        assert f"{name}: " in text


@pytest.mark.parametrize("words", [[], ["set"], ["show", "x"], ["show", "--x"]])
def test_wrong_command_line(program, words):
    result = program("config", *words)
    assert (result.status, result.stdout) == (125, "")


def test_wrong_configuration(program, tmp_path):
    (tmp_path / ".env").write_text("SHANNON_LLM_PORTT=1\n")
    result = program("config", "show")
    assert result.status == 125
    assert ".env:1" in result.stderr
