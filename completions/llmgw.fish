complete --keep-order --exclusive --command llmgw --arguments "(COMPLETE=fish llmgw -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
