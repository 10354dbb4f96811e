// wrangler.toml repeats its bindings for each environment; a repetition that lacks one would fail in production only.
import { describe, expect, it } from 'vitest';
import { bindingNames, configuredOptions } from '../../dev/bindings.ts';

describe('wrangler.toml', () => {
  const development = configuredOptions();

  it.each(['staging', 'production'])('gives %s every binding', (environment) => {
    expect(bindingNames(configuredOptions(environment))).toEqual(bindingNames(development));
  });

  it.each(['staging', 'production'])(
    'gives %s a database and a bucket of its own',
    (environment) => {
      const { d1Databases, r2Buckets, bindings } = configuredOptions(environment);
      const other = configuredOptions(environment === 'staging' ? 'production' : 'staging');
      expect(d1Databases).not.toEqual(other.d1Databases);
      expect(r2Buckets).not.toEqual(other.r2Buckets);
      expect(bindings).toEqual({ POSTERN_ENV: 'production' });
    },
  );

  it('is not in development mode by default', () => {
    expect(development.bindings).toEqual({ POSTERN_ENV: 'production' });
  });
});
