"""Machine learning code of Meterwise, a folder a model: params, dataset, train, evaluate, score. No binaries, no orchestration."""
