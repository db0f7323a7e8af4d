import { Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiError } from '../http/api-error.js';
import type { Json } from './json-output.js';

/**
 * Images and plugins of a single host. A manager runs none itself; the lists are empty and single objects
 * are not found, in Docker's words, so that clients which ask for everything (`docker inspect`, `docker system df`) go on.
 */
@Controller()
export class LocalObjectsController {
  @Get('images/json')
  images(): Json[] {
    return [];
  }

  @Get('images/*')
  image(@Param('*') path: string): never {
    if (!path.endsWith('/json')) throw new ApiError(404, 'page not found');
    const name = path.replace(/\/json$/, '');
    throw new ApiError(404, `no such image: ${name}: No such image: ${name.includes(':') ? name : `${name}:latest`}`);
  }

  @Post('images/create')
  pull(): never {
    throw new ApiError(501, 'managers pull no images: nodes do, when a task needs one');
  }

  @Post('build')
  build(): never {
    throw new ApiError(501, 'managers build no images: build elsewhere and push to a registry');
  }

  @Get('plugins')
  plugins(): Json[] {
    return [];
  }

  @Get('plugins/:name/json')
  plugin(@Param('name') name: string): never {
    throw new ApiError(404, `plugin "${name}" not found`);
  }

  @Get('system/df')
  diskUsage(): Json {
    return { LayersSize: 0, Images: [], Containers: [], Volumes: [], BuildCache: [] };
  }

  /** The CLI calls it before anything with credentials; registries are asked by the nodes. */
  @Post('auth')
  @HttpCode(501)
  auth(): never {
    throw new ApiError(501, 'managers log in to no registry');
  }
}
