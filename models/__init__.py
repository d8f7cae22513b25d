"""Machine learning code, a folder a model: params, dataset, train, evaluate, score. No binaries, no orchestration."""
