import neostandard, { plugins } from 'neostandard'

export default [
  ...neostandard({ ts: true, ignores: ['dist', '.tap', '.cache', '**/node_modules'] }),
  {
    files: ['index.ts', 'lib/**/*.ts', 'types/**/*.ts', 'test/**/*.ts'],
    plugins: { '@typescript-eslint': plugins['typescript-eslint'].plugin },
    languageOptions: {
      parser: plugins['typescript-eslint'].parser,
      // Topics are declared for a whole program, so their tests are one of their own.
      parserOptions: {
        project: [
          './tsconfig.lint.json', './test/ecosystem/tsconfig.json', './test/types/declared-topics/tsconfig.json'
        ]
      }
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false } }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      'no-void': ['error', { allowAsStatement: true }],
      'max-len': ['error', { code: 120, ignoreUrls: true, ignoreStrings: true, ignoreTemplateLiterals: true }]
    }
  }
]
